#include "src/http/origin.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <string_view>

#include "src/base/text.h"

namespace rempart::http {
namespace {

constexpr std::string_view kWanted = "expected https://host:port, or http:// with a loopback address";

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

Result<int> ParsePort(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535)
    return Fail(Error::Invalid("the port must be a number from 1 to 65535"));
  return port;
}

// Sets host, is_address and is_loopback.
Status ParseHost(std::string_view text, bool bracketed, Origin& origin) {
  if (text.empty()) return Fail(Error::Invalid("the host is missing"));
  if (text.size() > 253) return Fail(Error::Invalid("the host is longer than 253 bytes"));
  origin.host = text;
  std::ranges::transform(origin.host, origin.host.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(origin.host, error);
  origin.is_address = !error;
  if (origin.is_address) {
    if (bracketed != address.is_v6()) return Fail(Error::Invalid("IPv6 addresses, and only they, go in brackets"));
    if (address.is_v6() && address.to_v6().scope_id() != 0)
      return Fail(Error::Invalid("addresses with a zone are not supported"));
    origin.host = address.to_string();
    origin.is_loopback = address.is_loopback();
    return {};
  }
  if (bracketed || !std::ranges::all_of(origin.host, IsNameCharacter))
    return Fail(Error::Invalid("the host is neither a DNS name nor an IP address"));
  origin.is_loopback = origin.host == "localhost";
  return {};
}

Status ParseInto(std::string_view text, Origin& origin) {
  if (text.starts_with("https://")) {
    text.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    origin.tls = false;
    text.remove_prefix(7);
  } else {
    return Fail(Error::Invalid("the scheme is missing or unknown"));
  }
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.find_first_of("/?#@") != text.npos)
    return Fail(Error::Invalid("an origin has no path, query, fragment or user"));

  const bool bracketed = text.starts_with('[');
  std::string_view host = text;
  std::string_view rest;
  if (bracketed) {
    const auto close = text.find(']');
    if (close == text.npos) return Fail(Error::Invalid("the closing bracket is missing"));
    host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
  } else if (const auto colon = text.find(':'); colon != text.npos) {
    host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  origin.port = origin.tls ? 443 : 80;
  if (!rest.empty()) {
    if (rest.front() != ':') return Fail(Error::Invalid("after the host only a port may follow"));
    auto port = ParsePort(rest.substr(1));
    if (!port) return Fail(std::move(port).error());
    origin.port = *port;
  }
  if (auto status = ParseHost(host, bracketed, origin); !status) return status;
  if (!origin.tls && !origin.is_loopback)
    return Fail(Error::Invalid("http:// is for loopback addresses only; use https://"));
  return {};
}

}  // namespace

std::string Origin::Authority() const {
  std::string text = host.find(':') == host.npos ? host : "[" + host + "]";
  if (port != (tls ? 443 : 80)) text.append(":").append(std::to_string(port));
  return text;
}

std::string Origin::ToString() const { return (tls ? "https://" : "http://") + Authority(); }

Result<Origin> ParseOrigin(const std::string& text) {
  Origin origin;
  if (auto status = ParseInto(text, origin); !status) {
    auto error = std::move(status).error();
    error.message = "origin \"" + CleanText(text, 300) + "\": " + error.message + " (" + std::string(kWanted) + ")";
    return Fail(std::move(error));
  }
  return origin;
}

}  // namespace rempart::http
