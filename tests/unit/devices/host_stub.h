// A host for parts of devices: an agenda that is run to its end, and answers that a test sets.
#pragma once

#include <functional>
#include <map>
#include <tuple>
#include <vector>

#include "pagoda/devices/agenda.h"
#include "pagoda/devices/host_port.h"

namespace pagoda::testing {

class HostStub final : public HostPort {
 public:
  static constexpr Ps kAccess = 100'000;
  static constexpr Ps kTranslation = 300'000;
  static constexpr Ps kPageRequest = 50'000;

  struct Access {
    TimedRequest request;
    Ps at;
  };
  struct Asked {
    Addr address;
    bool no_write;
    Ps at;
  };
  struct Page {
    Addr address;
    bool write;
    std::uint16_t group;
    Ps at;
  };

  /// Pages of 4 KiB by number, unless `grant_all` says otherwise.
  std::map<Addr, AtsGrant> pages;
  std::optional<AtsGrant> grant_all;
  bool answers = true;  ///< translation requests
  bool takes_page_requests = true;
  Addr hole = ~Addr{0};  ///< accesses to its page are refused
  std::function<void()> during_translation;
  std::function<void(const Page&)> on_page_request;

  std::vector<Access> accesses;
  std::vector<Asked> asked;
  std::vector<Page> page_requests;

  void map(Addr page, Addr to, bool writable = true) {
    pages[page] = {.address = to << 12, .page_shift = 12, .readable = true, .writable = writable};
  }

  TimedAnswer access(TimedRequest& request, Ps at, unsigned char* /*bytes*/) override {
    accesses.push_back({request, at});
    (*request.time)[TimePart::dram] += kAccess;
    const bool refused = request.address >> 12 == hole;
    return {at + kAccess, refused ? tlm::TLM_ADDRESS_ERROR_RESPONSE : tlm::TLM_OK_RESPONSE};
  }
  Translation translate(const TimedRequest& cause, bool no_write, Ps at) override {
    asked.push_back({cause.address, no_write, at});
    (*cause.time)[TimePart::walk] += kTranslation;
    Translation result{.done = at + kTranslation, .answered = answers, .grant = {}};
    const auto page = pages.find(cause.address >> 12);
    if (grant_all) {
      result.grant = *grant_all;
    } else if (page != pages.end()) {
      result.grant = page->second;
    } else {
      result.grant.page_shift = 12;
    }
    if (no_write) result.grant.writable = false;
    if (during_translation) during_translation();
    return result;
  }
  TimedAnswer request_page(const TimedRequest& cause, std::uint16_t group, Ps at) override {
    page_requests.push_back({cause.address, cause.is_write(), group, at});
    if (on_page_request) on_page_request(page_requests.back());
    return {at + kPageRequest, takes_page_requests ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE};
  }
};

}  // namespace pagoda::testing
