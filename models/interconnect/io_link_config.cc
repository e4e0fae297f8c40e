#include "pagoda/interconnect/io_link_config.h"

#include <bit>

#include "pagoda/base/config_builder.h"

namespace pagoda {
namespace {

// Data bits of every bit on the wire.
double efficiency_of(const std::string& encoding) {
  if (encoding == "8b/10b") return 8.0 / 10;
  if (encoding == "64b/66b") return 64.0 / 66;
  if (encoding == "242b/256b") return 242.0 / 256;
  return 128.0 / 130;
}

std::optional<ConfigProblem> check_sizes(const IoLinkConfig& c) {
  constexpr const char* kAllowed = "allowed: 64 B, 128 B, ... 4 KiB";
  if (!std::has_single_bit(c.max_payload.count)) return ConfigProblem{"max_payload", "not a power of two", kAllowed};
  if (!std::has_single_bit(c.max_read_request.count)) {
    return ConfigProblem{"max_read_request", "not a power of two", kAllowed};
  }
  if (!std::has_single_bit(c.read_completion_boundary.count) || c.read_completion_boundary > c.max_payload) {
    return ConfigProblem{"read_completion_boundary", "a completion carries at least this much, at most max_payload",
                         "allowed: a power of two from 64 B to max_payload"};
  }
  return std::nullopt;
}

}  // namespace

double IoLinkConfig::ps_per_byte() const {
  const double gigabytes = lanes * transfer_rate * efficiency_of(encoding) * (1 - control_share) / 8;
  return 1000 / gigabytes;
}

const ConfigInfo& IoLinkConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<IoLinkConfig>("I/O link", "A PCI Express link between devices and the root.")
          .field("lanes", &IoLinkConfig::lanes, "lanes in each direction", in_range(1, 32))
          .field("transfer_rate", &IoLinkConfig::transfer_rate, "of a lane, in GT/s", in_range(0.1, 256.0))
          .field("encoding", &IoLinkConfig::encoding, "line code: data bits and bits on the wire",
                 ConfigChoices{{"8b/10b", "64b/66b", "128b/130b", "242b/256b"}})
          .field("control_share", &IoLinkConfig::control_share,
                 "share of the bandwidth taken by acknowledgements, flow control and ordered sets", in_range(0.0, 0.9))
          .field("latency", &IoLinkConfig::latency, "one way, beside the time on the wire")
          .field("max_payload", &IoLinkConfig::max_payload, "data of a packet (MPS)", in_range(Bytes{64}, Bytes{4096}))
          .field("max_read_request", &IoLinkConfig::max_read_request, "data asked for by a read request (MRRS)",
                 in_range(Bytes{64}, Bytes{4096}))
          .field("read_completion_boundary", &IoLinkConfig::read_completion_boundary,
                 "completions of a read end at multiples of it (RCB)", in_range(Bytes{64}, Bytes{4096}))
          .field("completion_per_boundary", &IoLinkConfig::completion_per_boundary,
                 "the root answers reads in pieces of the boundary, else of up to max_payload")
          .field("framing", &IoLinkConfig::framing, "bytes around the header and data of a packet",
                 in_range(Bytes{0}, Bytes{256}))
          .field("request_header", &IoLinkConfig::request_header, "header of requests and messages",
                 in_range(Bytes{0}, Bytes{256}))
          .field("completion_header", &IoLinkConfig::completion_header, "header of completions",
                 in_range(Bytes{0}, Bytes{256}))
          .field("read_tags", &IoLinkConfig::read_tags, "read and translation requests under way; 0: no limit",
                 in_range(0, 4096))
          .field("posted_credits", &IoLinkConfig::posted_credits,
                 "writes and page requests that the root takes in before it has carried them out; 0: no limit",
                 in_range(0, 4096))
          .field("non_posted_credits", &IoLinkConfig::non_posted_credits,
                 "read and translation requests that the root takes in before it has carried them out; 0: no limit",
                 in_range(0, 4096))
          .check(check_sizes);
  return info;
}

}  // namespace pagoda
