#include "pagoda/devices/capi_config.h"

#include <bit>

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& CapiTranslationConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<CapiTranslationConfig>("CAPI translation", "How an adapter translates effective addresses.")
          .field("tlb", &CapiTranslationConfig::tlb, "its cache of translations")
          .field("walker", &CapiTranslationConfig::walker, "who reads page tables for it")
          .field("fault_attempts", &CapiTranslationConfig::fault_attempts,
                 "how often software is asked for a page before a command fails", in_range(0, 1000))
          .check([](const CapiTranslationConfig& c) -> std::optional<ConfigProblem> {
            if (c.walker.place == WalkerPlace::host) return std::nullopt;
            return ConfigProblem{"walker.place", "an adapter makes its walks itself", "allowed: host"};
          });
  return info;
}

const ConfigInfo& CapiAdapterConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<CapiAdapterConfig>("CAPI adapter", "A storage adapter on a coherent link.")
          .field("clock", &CapiAdapterConfig::clock, "of the adapter",
                 in_range(Frequency{1'000'000}, Frequency{10'000'000'000}))
          .field("requester", &CapiAdapterConfig::requester, "device number in requests to memory", in_range(0, 65535))
          .field("register_base", &CapiAdapterConfig::register_base, "address of the first context's registers")
          .field("register_latency", &CapiAdapterConfig::register_latency, "of a register access, in the adapter")
          .field("contexts", &CapiAdapterConfig::contexts, "contexts, each with a queue pair", in_range(1, 512))
          .field("commands", &CapiAdapterConfig::commands, "commands of all contexts worked on at a time; 0: no limit",
                 in_range(0, 65536))
          .field("line", &CapiAdapterConfig::line, "moved by one access to memory, a power of two",
                 in_range(Bytes{32}, Bytes{4096}))
          .field("outstanding", &CapiAdapterConfig::outstanding, "accesses to memory under way; 0: no limit",
                 in_range(0, 4096))
          .field("issue_interval", &CapiAdapterConfig::issue_interval, "between two of them")
          .field("max_transfer", &CapiAdapterConfig::max_transfer, "most data of a command",
                 in_range(Bytes{4096}, Bytes{1 << 26}))
          .field("fault_report", &CapiAdapterConfig::fault_report, "from a page fault to software's handler")
          .field("translation", &CapiAdapterConfig::translation, "of effective addresses")
          .field("medium", &CapiAdapterConfig::medium, "where the blocks are")
          .check([](const CapiAdapterConfig& c) -> std::optional<ConfigProblem> {
            if (std::has_single_bit(c.line.count)) return std::nullopt;
            return ConfigProblem{"line", "not a power of two", "allowed: 32 B, 64 B, ... 4 KiB"};
          });
  return info;
}

namespace {

// Of lines. What the link has under way, the adapter bounds.
IoLinkConfig line_link() {
  IoLinkConfig link;
  link.max_payload = {128};
  link.max_read_request = {128};
  link.read_completion_boundary = {128};
  link.read_tags = 0;
  link.posted_credits = 0;
  link.non_posted_credits = 0;
  return link;
}

}  // namespace

// PCI Express 3.0 with eight lanes: the defaults of IoLink, and its latency.
IoLinkConfig capi1_link() { return line_link(); }

// 25 GB/s (J. Stuecheli in D. Olds, "IBM man goes deep on why they're all shiny OpenCAPI people", The Register,
// 22 May 2017): eight lanes of 25.78 GT/s with 64b/66b. A round trip costs 90 ns less than over PCI Express: 10 instead
// of 100 ns, says the same talk. A quarter of a flit of 64 bytes for a command or an answer is a round figure.
IoLinkConfig opencapi_link() {
  IoLinkConfig link = line_link();
  link.lanes = 8;
  link.transfer_rate = 25.78125;
  link.encoding = "64b/66b";
  link.control_share = 0;
  link.latency = {link.latency.ps - 45 * kNanosecond};
  link.framing = {0};
  link.request_header = {16};
  link.completion_header = {16};
  return link;
}

}  // namespace pagoda
