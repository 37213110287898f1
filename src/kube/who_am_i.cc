#include "src/kube/who_am_i.h"

#include "src/kube/decode.h"

namespace rempart::kube {

Result<std::string> WhoAmI(Api& api, std::stop_token stop) {
  constexpr Resource kReviews{"authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", false};
  const auto reply = api.Create(kReviews, "", R"({"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"})",
                                std::move(stop));
  if (!reply) return Fail(Error(reply.error()).While("ask who we are"));
  const auto review = ParseOnThread(reply->body);
  std::string name(review ? (*review)["status"]["userInfo"]["username"].Str() : std::string_view());
  if (name.empty()) return Fail(Error::Internal("ask who we are: the answer names nobody"));
  return name;
}

}  // namespace rempart::kube
