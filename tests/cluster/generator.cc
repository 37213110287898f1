#include "tests/cluster/generator.h"

#include <algorithm>
#include <cstdlib>

#include "operator/api/names.h"
#include "tests/cluster/gate_fixture.h"

namespace rempart::test {

std::uint64_t Generator::Seed() {
  const char* given = std::getenv("REMPART_SEED");
  return given != nullptr && *given != '\0' ? std::stoull(given) : std::random_device()();
}

template <class Make>
Json Generator::List(unsigned longest, Make make) {
  Json list = Json::array();
  for (auto n = random_() % (longest + 1); n > 0; --n) list.push_back(make());
  if (!list.empty() && Rarely()) list.push_back(list.front());
  return list;
}

Json Generator::Spoilt(Json spec) {
  if (!Rarely() || !spec.is_object() || spec.empty()) return spec;
  auto member = std::next(spec.begin(), static_cast<long>(random_() % spec.size()));
  Json* at = &*member;
  while (Sometimes() && at->is_structured() && !at->empty()) {
    const auto n = random_() % at->size();
    at = at->is_array() ? &(*at)[n] : &*std::next(at->begin(), static_cast<long>(n));
  }
  *at = One({Json(nullptr), Json::array(), Json::object(), "x", "", true, 7, "é", "e\u0301", "\U0001F5FC", "\u202Ex",
             std::string("x\0y", 3), std::string(5000, 'x'), Json::array({nullptr}), Json::array({"x"})});
  return spec;
}

Json Generator::Pod(Json pod) {
  Json& spec = pod["spec"];
  if (Sometimes()) spec["nodeName"] = One({Json(nullptr), "", node_, foreign_, "no such node", "é", 7});
  if (Sometimes()) spec["nodeSelector"] = NodeSelector();
  if (Sometimes()) spec["tolerations"] = Tolerations();
  for (Json& container : spec["containers"])
    if (Sometimes()) container["image"] = Image();
  if (Rarely()) spec["containers"].push_back({{"name", "more"}, {"image", Image()}});
  if (Rarely()) spec["initContainers"] = Json::array({{{"name", "init"}, {"image", Image()}}});
  if (Rarely()) spec["volumes"] = Volumes();
  if (Rarely())
    pod["metadata"]["annotations"] = One({{{"k8s.v1.cni.cncf.io/networks", "kube-system/storage"}},
                                          {{"k8s.v1.cni.cncf.io/networks", "storage"}},
                                          {{"k8s.v1.cni.cncf.io/networks", ""}, {"note", "x"}},
                                          {{"v1.multus-cni.io/default-network", "é"}},
                                          nullptr});
  if (Rarely())
    pod["metadata"]["labels"] = One({{{"rempart.dev/workload", "web"}},
                                     {{"rempart.dev/workload", ""}, {"app", "web"}},
                                     {{"rempart.dev/workload", nullptr}},
                                     {{"rempart.dev/region", region_}},
                                     Json::object(),
                                     nullptr});
  if (Rarely())
    spec[One({"containers", "tolerations", "volumes", "nodeSelector", "initContainers"}).get<std::string>()] =
        One({Json(nullptr), Json::array(), Json::object(), "x", true, Json::array({nullptr})});
  for (const char* list : {"tolerations", "containers", "volumes"})  // one is there twice
    if (Rarely() && spec.contains(list) && spec[list].is_array() && !spec[list].empty())
      spec[list].push_back(spec[list].front());
  if (Rarely()) spec = Spoilt(std::move(spec));
  return pod;
}

Json Generator::NodeSelector() {
  return One({Json(nullptr),
              Json::object(),
              {{"disk", "ssd"}},
              {{std::string(api::kNodeRegionLabel), region_}},
              {{std::string(api::kNodeRegionLabel), "other"}},
              {{std::string(api::kNodeRegionLabel), ""}},
              {{std::string(api::kNodeRegionLabel), region_}, {"disk", "ssd"}},
              {{std::string(api::kNodeRegionLabel), nullptr}}});
}

Json Generator::Tolerations() {
  Json list = Json::array();
  for (auto n = random_() % 3; n > 0; --n) {
    Json toleration = Json::object();
    if (Sometimes()) toleration["key"] = One({"", "gpu", "rempart.dev/outside", "rempart.dev/outsider", nullptr});
    if (Sometimes()) toleration["operator"] = One({"Exists", "Equal", "", nullptr});
    if (Sometimes()) toleration["effect"] = One({"", "NoSchedule", "NoExecute", "PreferNoSchedule", nullptr});
    list.push_back(toleration);
  }
  return list;
}

Json Generator::Image() {
  std::string image = One({"registry.sas.example/", "registry.example:5000/team/", "registry.example:5000/teammate/",
                           "registry.example:5000/", "", "docker.io/", "localhost/", "Registry.sas.example/",
                           "registry.sas.example:443/", "library/", "registry.sas.example"})
                          .get<std::string>() +
                      One({"app", "a/b", "app:1", "APP", "é", ""}).get<std::string>();
  if (random_() % 4 != 0)
    image +=
        One({"@" + kDigest, "@" + kOther, "@sha256:abc", "@" + kDigest + "0", "@", "@sha512:" + std::string(128, 'a')})
            .get<std::string>();
  return Rarely() ? One({Json(nullptr), "", image + " ", 7}) : Json(image);
}

Json Generator::Volumes() {
  return One(
      {Json::array(), Json::array({{{"name", "v"}, {"emptyDir", Json::object()}}}),
       Json::array({{{"name", "v"}, {"image", {{"reference", Image()}}}}}),
       Json::array({{{"name", "v"}, {"image", nullptr}}}),
       Json::array({{{"name", "v"}, {"csi", {{"driver", One({"certificates.example", "nfs.csi.k8s.io", ""})}}}}}),
       Json::array({{{"name", "v"}, {"nfs", {{"server", "192.0.2.1"}, {"path", "/"}}}}}), nullptr});
}

namespace {

Json Named(std::string_view version, std::string_view kind) {
  return {{"apiVersion", version}, {"kind", kind}, {"metadata", {{"name", "probe"}}}};
}

}  // namespace

Json Generator::Service() {
  Json spec = {{"ports", Json::array({{{"port", 80}}})}, {"selector", {{"app", "web"}}}};
  if (!Rarely())
    spec["type"] =
        One({"ClusterIP", "ExternalName", "LoadBalancer", "LoadBalancer", "NodePort", nullptr, "", "Externalname"});
  if (spec.value("type", Json()) == "ExternalName" && !Rarely())
    spec["externalName"] = One({"out.example", "é", "", "x"});
  if (Sometimes())
    spec["externalIPs"] = List(2, [&] { return One({"192.0.2.1", "10.0.0.1", "2001:db8::1", "", "x", nullptr}); });
  const bool balanced = spec.value("type", Json()) == "LoadBalancer";
  if (balanced ? !Rarely() : Rarely())
    spec["loadBalancerClass"] =
        One({"metal.example/fr", "metal.example/fr", "metal.example/us", "METAL.example/fr", "", nullptr, "é"});
  if (balanced ? Sometimes() : Rarely()) spec["loadBalancerIP"] = Address();
  if (Rarely()) spec["clusterIP"] = "None";
  Json service = Named("v1", "Service");
  if (Sometimes())
    service["metadata"]["annotations"] =
        One({Json::object(),
             nullptr,
             {{"service.beta.kubernetes.io/ours", "x"}},
             {{"note", "x"}},
             {{"service.beta.kubernetes.io/aws-load-balancer-type", "x"}, {"service.beta.kubernetes.io/ours", ""}},
             {{"MetalLB.io/address-pool", "x"}},
             {{"oci.oraclecloud.com/load-balancer-type", "x"}},
             {{"x", 7}}});
  service["spec"] = Spoilt(std::move(spec));
  return service;
}

Json Generator::Claim() {
  Json spec = {{"accessModes", {"ReadWriteOnce"}}, {"resources", {{"requests", {{"storage", "1Gi"}}}}}};
  if (!Rarely())
    spec["storageClassName"] =
        One({"local-fr", "local-fr", "local-us", "Local-fr", "local-fr ", "", nullptr, "é", std::string(300, 'a')});
  if (Rarely()) spec["volumeName"] = One({"volume", "", nullptr});
  Json claim = Named("v1", "PersistentVolumeClaim");
  if (Sometimes()) {
    const auto key = One({"volume.beta.kubernetes.io/storage-class", "note"});
    claim["metadata"]["annotations"][key.get<std::string>()] = One({"local-fr", "local-us", "", "yes"});
  }
  claim["spec"] = Spoilt(std::move(spec));
  return claim;
}

Json Generator::Peer() {
  if (Sometimes())
    return {{"ipBlock",
             {{"cidr", One({"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "0.0.0.0/0", "10.0.0.0/7", "11.0.0.0/8",
                            "fd00::/8", "::/0", "10.1.2.3/8", "10.0.0.0", "é", ""})}}}};
  Json peer = Json::object();
  if (Sometimes())
    peer["namespaceSelector"] = One({Json::object(),
                                     nullptr,
                                     {{"matchLabels", {{"rempart.dev/region", region_}}}},
                                     {{"matchLabels", {{"rempart.dev/region", region_}, {"team", "x"}}}},
                                     {{"matchLabels", {{"rempart.dev/region", "other"}}}},
                                     {{"matchLabels", {{"kubernetes.io/metadata.name", "kube-system"}}}},
                                     {{"matchExpressions", Json::array({{{"key", "team"}, {"operator", "Exists"}}})}}});
  if (!peer.contains("namespaceSelector") || Sometimes())
    peer["podSelector"] = One({Json::object(),
                               Json::object(),
                               {{"matchLabels", {{"k8s-app", "kube-dns"}}}},
                               {{"matchLabels", {{"app", "web"}}}},
                               nullptr});
  return peer;
}

Json Generator::NetworkPolicy() {
  Json policy = Named("networking.k8s.io/v1", "NetworkPolicy");
  Json spec = {{"podSelector", Json::object()}};
  if (!Rarely())
    spec["egress"] = List(2, [&] {
      Json rule = Json::object();
      if (!Rarely()) rule["to"] = List(2, [&] { return Peer(); });
      if (Rarely()) rule["ports"] = Json::array({{{"port", 53}}});
      return rule;
    });
  if (Rarely()) spec["policyTypes"] = One({Json::array({"Ingress"}), Json::array({"Egress"}), nullptr});
  policy["spec"] = Spoilt(std::move(spec));
  return policy;
}

Json Generator::Ingress() {
  Json ingress = Named("networking.k8s.io/v1", "Ingress");
  const auto backend = [&] {
    return Rarely() ? Json{{"resource", {{"apiGroup", "x.example"}, {"kind", "Bucket"}, {"name", "x"}}}}
                    : Json{{"service", {{"name", "web"}, {"port", {{"number", 80}}}}}};
  };
  Json spec = {{"defaultBackend", backend()}};
  if (Sometimes())
    spec["rules"] = List(2, [&] {
      Json rule = {{"host", One({"a.example", "b.example"})}};
      if (!Rarely())
        rule["http"]["paths"] = List(2, [&] {
          return Json{{"path", "/"}, {"pathType", "Prefix"}, {"backend", backend()}};
        });
      return rule;
    });
  if (!Rarely()) spec["ingressClassName"] = One({"nginx-fr", "nginx-fr", "alb", "", nullptr, "Nginx-fr", "é"});
  if (Sometimes())
    ingress["metadata"]["annotations"] = One({{{"kubernetes.io/ingress.class", "nginx-fr"}},
                                              {{"kubernetes.io/ingress.class", "alb"}},
                                              {{"kubernetes.io/ingress.class", ""}},
                                              {{"nginx.ingress.kubernetes.io/auth-url", "x"}},
                                              {{"nginx.ingress.kubernetes.io/Auth-URL", "x"}},
                                              {{"nginx.ingress.kubernetes.io/server-snippet", "x"}, {"note", "x"}},
                                              {{"nginx.ingress.kubernetes.io/ssl-redirect", "true"}},
                                              {{"service.beta.kubernetes.io/ours", "x"}},
                                              nullptr});
  ingress["spec"] = Spoilt(std::move(spec));
  return ingress;
}

// The following without nulls and with objects where they are looked for, see ExternalSecret.
Json Generator::Gateway() {
  Json gateway = Named("gateway.networking.k8s.io/v1", "Gateway");
  const auto annotations = [&] {
    return One({Json::object(),
                {{"service.beta.kubernetes.io/ours", "x"}},
                {{"MetalLB.io/address-pool", "x"}, {"note", "x"}},
                {{"note", "x"}}});
  };
  if (Rarely()) gateway["metadata"]["annotations"] = annotations();
  Json spec = Json::object();
  if (!Rarely()) spec["gatewayClassName"] = One({"envoy-fr", "envoy-fr", "envoy-fr", "other", "", "é", 7});
  if (Sometimes()) {
    spec["infrastructure"] = Json::object();
    if (Sometimes()) spec["infrastructure"]["annotations"] = annotations();
    if (Sometimes()) spec["infrastructure"]["parametersRef"] = One({Json::object(), {{"kind", "EnvoyProxy"}}, "x"});
  }
  if (Sometimes()) spec["addresses"] = One({Json::array(), Json::array({{{"value", "192.0.2.1"}}}), "x", 7});
  gateway["spec"] = std::move(spec);
  return gateway;
}

Json Generator::Route() {
  const auto backend = [&] {
    Json reference = {{"name", "web"}, {"port", 80}};
    if (Sometimes()) reference["group"] = One({"", "", "x.example", 7});
    if (Sometimes()) reference["kind"] = One({"Service", "Service", "Service", "", "Backend", "service", true});
    return reference;
  };
  const auto filters = [&] {
    return List(2, [&] {
      return Rarely() ? Json{{"externalAuth", {{"backendRef", backend()}}}}
                      : One({{{"requestMirror", {{"backendRef", backend()}}}},
                             {{"requestRedirect", {{"hostname", "x.example"}}}},
                             {{"requestMirror", Json::object()}},
                             Json::object()});
    });
  };
  Json route = Named("gateway.networking.k8s.io/v1", "HTTPRoute");
  route["spec"] = Json::object();
  if (Rarely()) return route;
  route["spec"]["rules"] = List(2, [&] {
    Json rule = Json::object();
    if (Sometimes()) rule["filters"] = Rarely() ? One({"x", 7, true}) : filters();
    if (!Rarely())
      rule["backendRefs"] = List(2, [&] {
        Json reference = backend();
        if (Sometimes()) reference["filters"] = filters();
        return reference;
      });
    return rule;
  });
  return route;
}

Json Generator::NetworkSet() {
  Json set = Named("crd.projectcalico.org/v1", "NetworkSet");
  set["spec"] = Json::object();
  const auto net = [&] {
    return One({"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "10.1.2.3/32", "10.0.0.0/7", "0.0.0.0/0", "fd00::/8",
                "::ffff:10.0.0.1/128", "010.0.0.1", "x.example", "é", "", 7, Json::object()});
  };
  if (!Rarely()) set["spec"]["nets"] = Rarely() ? One({"10.0.0.0/8", 7, true}) : List(2, net);
  if (Rarely()) set["spec"]["allowedEgressDomains"] = List(1, [&] { return One({"x.example", "10.1.2.3"}); });
  return set;
}

Json Generator::Zones() {
  const std::string place = region_.substr(0, region_.rfind('-'));  // the fixture's: "<id>-region" is in region "<id>"
  Json zones = List(2, [&] {
    return Rarely() ? One({"", "é"}) : One({place, place + "-a", place + "-a", place + "-b", place + "-b"});
  });
  if (zones.empty() && !Rarely()) zones.push_back(place + "-b");  // a term without values is none to the server
  return zones;
}

Json Generator::StorageClass() {
  Json of = Named("storage.k8s.io/v1", "StorageClass");
  of["metadata"]["name"] = One({"local-fr", "local-fr", "local-fr", "local-us"});
  of["provisioner"] = One({"csi.example", "csi.example", "ebs.csi.aws.com", "CSI.example", ""});
  if (Sometimes())
    of["parameters"] = One({Json::object(),
                            nullptr,
                            {{"type", "ssd"}},
                            {{"kmsKeyId", "key-fr"}},
                            {{"kmsKeyId", "x"}, {"type", "ssd"}},
                            {{"encryptionKMSID", ""}},
                            {{"disk-encryption-kms-key", "é"}}});
  if (Sometimes())
    of["allowedTopologies"] = List(2, [&] {
      return Json{{"matchLabelExpressions",
                   Json::array({{{"key", One({"topology.kubernetes.io/zone", "topology.kubernetes.io/region",
                                              "topology.ebs.csi.aws.com/zone", "rack"})},
                                 {"values", Zones()}}})}};
    });
  return of;
}

Json Generator::Volume() {
  Json volume = Named("v1", "PersistentVolume");
  Json spec = {
      {"capacity", {{"storage", "1Gi"}}},
      {"accessModes", {"ReadWriteOnce"}},
      {"csi",
       {{"driver", One({"csi.example", "csi.example", "csi.example", "nfs.csi.k8s.io", "é"})}, {"volumeHandle", "v"}}}};
  if (Rarely()) {
    spec.erase("csi");
    spec[One({"nfs", "local"}).get<std::string>()] = {{"server", "192.0.2.1"}, {"path", "/disk"}};
  }
  if (Rarely()) volume["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"] = One({"local-fr", "x"});
  if (!Rarely())
    spec["storageClassName"] = One({"local-fr", "local-fr", "local-fr", "local-fr", "local-us", "", nullptr});
  if (!Rarely()) {
    const Json terms = List(2, [&] {
      Json expressions = List(2, [&] {
        return Json{{"key", One({"topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region", "rack"})},
                    {"operator", One({"In", "In", "In", "NotIn"})},
                    {"values", Zones()}};
      });
      return Json{{"matchExpressions", std::move(expressions)}};
    });
    spec["nodeAffinity"]["required"]["nodeSelectorTerms"] = terms;
  }
  volume["spec"] = Spoilt(std::move(spec));
  return volume;
}

Json Generator::Binding() {
  Json target = {{"kind", One({"Node", "Node", "Node", "", "Pod", nullptr})}};
  if (!Rarely())
    target["name"] =
        One({node_, node_, foreign_, "no such node", node_ + " ", "é", "", nullptr, std::string(300, 'a')});
  Json binding = Named("v1", "Binding");
  binding["target"] = Spoilt(std::move(target));
  if (Rarely()) binding["target"] = One({Json(nullptr), Json::object(), "x"});
  return binding;
}

Json Generator::Address() {
  if (!Rarely())
    return One({"10.0.0.0", "10.1.2.3", "10.255.255.255", "9.255.255.255", "11.0.0.0", "192.0.2.1", "fd00::1",
                "fd00:0:1::2", "fdff::1", "fe00::1", "2001:db8::1"});
  return One({"010.0.0.1", "10.0.0.1.", "10.1", "::ffff:10.0.0.1", "::10.0.0.1", "FD00:0::1", "fd00::1%eth0",
              "2001:0db8::1", "out.example", "10.0.0.1.example", "", " 10.0.0.1", std::string("10.0.0.1\0x", 10),
              nullptr, 7, "é"});
}

Json Generator::Slice() {
  Json slice = Named("discovery.k8s.io/v1", "EndpointSlice");
  slice["addressType"] = Rarely() ? One({"FQDN", "", nullptr}) : One({"IPv4", "IPv6"});
  // Mostly addresses that the type has: else hardly one slice would be one to the server.
  const auto fits = [&] {
    Json address = Address();
    for (int i = 0; i < 20 && random_() % 20 != 0 && address.is_string(); ++i) {
      const auto& text = address.get_ref<const std::string&>();
      const bool six = text.find(':') != std::string::npos;
      const bool four = !six && text.find_first_not_of("0123456789.") == std::string::npos;
      if (slice["addressType"] == "IPv4" ? four : slice["addressType"] == "IPv6" ? six : !four && !six) break;
      address = Address();
    }
    return address;
  };
  slice["endpoints"] = List(3, [&] {
    Json endpoint = {{"addresses", Json::array({fits()})}};
    if (Rarely()) endpoint["addresses"] = List(2, fits);
    if (Rarely()) endpoint["hostname"] = One({"web", "é", nullptr});
    if (Rarely()) return One({Json(nullptr), Json::object(), endpoint});
    return endpoint;
  });
  if (Rarely()) slice["endpoints"] = One({Json::array(), nullptr});
  if (Rarely()) slice["ports"] = One({Json::array(), Json::array({{{"port", 80}}}), nullptr});
  return Spoilt(std::move(slice));
}

Json Generator::Addresses() {
  return List(2, [&] {
    if (Rarely()) return One({Json(nullptr), Json::object(), {{"ip", nullptr}}, {{"hostname", "web"}}});
    Json address = Address();
    for (int i = 0; i < 4 && !Rarely() && address.is_string() && address.get_ref<const std::string&>().size() < 7; ++i)
      address = Address();
    return Json{{"ip", address}};
  });
}

Json Generator::Endpoints() {
  Json endpoints = Named("v1", "Endpoints");
  endpoints["subsets"] = List(2, [&] {
    Json subset = {{"ports", Json::array({{{"port", 80}}})}};
    if (!Rarely()) subset["addresses"] = Addresses();
    if (Sometimes()) subset["notReadyAddresses"] = Addresses();
    return subset;
  });
  return Spoilt(std::move(endpoints));
}

Json Generator::Store() {
  if (Rarely()) return One({7, Json::object(), Json::array()});
  return One({"vault-fr", "vault-fr", "vault-fr", "vault-us", "VAULT-fr", "", "é"});
}

Json Generator::SecretStore() {
  Json store = Named("external-secrets.io/v1", "SecretStore");
  if (Sometimes()) store["metadata"]["name"] = One({"vault-fr", "vault-fr", "vault-us"});
  const std::vector<Json> providers = {
      {{"fake", Json::object()}},
      {{"vault", {{"server", One({"https://vault.example", "https://vault.example:1", ""})}}}},
      {{"vault", {{"server", "https://vault.example"}}}, {"fake", Json::object()}},
      {{"aws", {{"region", "eu-west-3"}}}},
      {{"kubernetes", {{"server", {{"url", One({"https://10.0.0.1", "https://10.0.0.2"})}}}}}},
      {{"kubernetes", {{"server", {{"url", "https://10.0.0.1"}}}, {"authRef", One({Json::object(), "x"})}}}},
      {{"kubernetes", {{"server", One({"https://10.0.0.1", 7})}}}},
      {{"fake", 7}},
      "vault",
      {{"vault", Json::object()}},
      Json::object()};
  if (!Rarely()) store["spec"] = {{"provider", One(providers)}};
  return store;
}

Json Generator::ClusterSecretStore() {
  Json store = SecretStore();
  store["kind"] = "ClusterSecretStore";
  if (!Rarely()) store["metadata"]["name"] = "vault-fr";
  return store;
}

// Objects stay objects and nothing is null: what CEL makes of that without a schema is told in rules/expr.h.
Json Generator::ExternalSecret() {
  const auto reference = [&] { return Rarely() ? Json::object() : Json{{"kind", "SecretStore"}, {"name", Store()}}; };
  const auto source = [&] {
    if (Rarely()) return Json{{"sourceRef", {{"generatorRef", {{"kind", One({"Webhook", "Password", "UUID", ""})}}}}}};
    return Rarely() ? One({Json::object(), {{"sourceRef", Json::object()}}})
                    : Json{{"sourceRef", {{"storeRef", reference()}}}};
  };
  Json spec = {{"target", {{"name", "probe"}}}};
  if (!Rarely()) spec["secretStoreRef"] = reference();
  for (const char* list : {"data", "dataFrom"}) {
    if (Sometimes()) spec[list] = List(2, source);
    if (Rarely()) spec[list] = One({"x", 7, true});
  }
  Json secret = Named("external-secrets.io/v1", "ExternalSecret");
  secret["spec"] = std::move(spec);
  return secret;
}

Json Generator::PushSecret() {
  const auto reference = [&] {
    return Rarely() ? Json{{"labelSelector", Json::object()}} : Json{{"kind", "SecretStore"}, {"name", Store()}};
  };
  Json spec = {{"selector", {{"secret", {{"name", "probe"}}}}}};
  if (!Rarely()) spec["secretStoreRefs"] = List(2, reference);
  if (Rarely()) spec["selector"] = {{"generatorRef", {{"kind", One({"Webhook", "SSHKey"})}}}};
  Json push = Named("external-secrets.io/v1alpha1", "PushSecret");
  push["spec"] = std::move(spec);
  return push;
}

Json Generator::Snapshot() {
  Json snapshot = Named("snapshot.storage.k8s.io/v1", "VolumeSnapshot");
  snapshot["spec"] = {{"source", {{"persistentVolumeClaimName", "data"}}}};
  if (!Rarely()) snapshot["spec"]["volumeSnapshotClassName"] = One({"local-fr", "local-fr", "backup", ""});
  return snapshot;
}

}  // namespace rempart::test
