#include "src/http/response_buffer.h"

#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

namespace rempart::http {
namespace {

namespace streams = Concurrency::streams;

// Only what the library's client calls on it does anything: can_write, is_open, putn_nocopy, close.
class ResponseBuffer final : public streams::details::basic_streambuf<std::uint8_t> {
 public:
  explicit ResponseBuffer(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

  pplx::task<std::size_t> putn_nocopy(const std::uint8_t* data, std::size_t size) override {
    std::optional<pplx::task_completion_event<std::size_t>> room;
    const auto hold = [&room, size]() -> std::function<void()> {
      room.emplace();
      return [event = *room, size] { event.set(size); };
    };
    switch (exchange_->OnPiece(reinterpret_cast<const char*>(data), size, std::cref(hold))) {
      case Exchange::Put::kTaken:
        return pplx::task_from_result<std::size_t>(size);
      case Exchange::Put::kHeld:
        return pplx::create_task(*room);
      case Exchange::Put::kRefused:
        break;
    }
    return pplx::task_from_exception<std::size_t>(std::runtime_error("refused"));
  }
  pplx::task<std::size_t> putn(const std::uint8_t* data, std::size_t size) override { return putn_nocopy(data, size); }
  pplx::task<int_type> putc(std::uint8_t) override { return Eof(); }

  bool can_read() const override { return false; }
  bool can_write() const override { return true; }
  bool can_seek() const override { return false; }
  bool has_size() const override { return false; }
  bool is_eof() const override { return false; }
  bool is_open() const override { return true; }
  pplx::task<void> close(std::ios_base::openmode) override { return pplx::task_from_result(); }
  pplx::task<void> close(std::ios_base::openmode, std::exception_ptr) override { return pplx::task_from_result(); }
  pplx::task<void> sync() override { return pplx::task_from_result(); }
  std::exception_ptr exception() const override { return nullptr; }
  std::size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(std::size_t, std::ios_base::openmode) override {}
  std::uint8_t* alloc(std::size_t) override { return nullptr; }
  void commit(std::size_t) override {}

  pplx::task<int_type> bumpc() override { return Eof(); }
  pplx::task<int_type> getc() override { return Eof(); }
  pplx::task<int_type> nextc() override { return Eof(); }
  pplx::task<int_type> ungetc() override { return Eof(); }
  pplx::task<std::size_t> getn(std::uint8_t*, std::size_t) override { return pplx::task_from_result<std::size_t>(0); }
  int_type sbumpc() override { return traits::eof(); }
  int_type sgetc() override { return traits::eof(); }
  std::size_t scopy(std::uint8_t*, std::size_t) override { return 0; }
  std::size_t in_avail() const override { return 0; }
  bool acquire(std::uint8_t*&, std::size_t&) override { return false; }
  void release(std::uint8_t*, std::size_t) override {}
  utility::size64_t size() const override { return 0; }
  pos_type getpos(std::ios_base::openmode) const override { return pos_type(off_type(-1)); }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return pos_type(off_type(-1)); }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
    return pos_type(off_type(-1));
  }

 private:
  static pplx::task<int_type> Eof() { return pplx::task_from_result<int_type>(traits::eof()); }

  const std::shared_ptr<Exchange> exchange_;
};

}  // namespace

streams::ostream MakeResponseStream(std::shared_ptr<Exchange> exchange) {
  const std::shared_ptr<streams::details::basic_streambuf<std::uint8_t>> buffer =
      std::make_shared<ResponseBuffer>(std::move(exchange));
  return streams::ostream(streams::streambuf<std::uint8_t>(buffer));
}

}  // namespace rempart::http
