#include "pagoda/devices/page_requests.h"

#include <algorithm>

#include "pagoda/paging/page_format.h"

namespace pagoda {

std::optional<std::uint16_t> PageRequests::find(const TimedRequest& request) {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const Group& group = groups_[i];
    if (!group.open || group.page != request.address >> kPageShift || group.write < request.is_write()) continue;
    if (group.has_pasid != request.info.has_pasid) continue;
    if (group.has_pasid && (group.pasid != request.info.pasid || group.privilege != request.info.privilege)) continue;
    ++joined_;
    return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

std::uint16_t PageRequests::open(const TimedRequest& request, Ps at) {
  std::size_t free = 0;
  while (groups_[free].open) ++free;
  groups_[free] = {.open = true,
                   .write = request.is_write(),
                   .has_pasid = request.info.has_pasid,
                   .privilege = request.info.privilege,
                   .pasid = request.info.pasid,
                   .page = request.address >> kPageShift,
                   .since = at};
  ++open_;
  ++requests_;
  open_probe_.rise(at);
  return static_cast<std::uint16_t>(free);
}

bool PageRequests::close(std::uint16_t number, PageResponse response, Ps at) {
  if (number >= groups_.size() || !groups_[number].open) return false;
  Group& group = groups_[number];
  group.open = false;
  --open_;
  if (response != PageResponse::success) ++refused_;
  if (response == PageResponse::failure) stopped_ = true;
  latency_.record(std::max(at, group.since) - group.since);
  open_probe_.fall(std::max(at, group.since));
  return true;
}

void PageRequests::visit_stats(StatVisitor& v) {
  v.counter("page_requests", requests_, kCount, "page requests sent");
  v.counter("page_requests_joined", joined_, kCount, "accesses that waited for a page already asked for");
  v.counter("page_requests_refused", refused_, kCount, "page requests without success");
  v.counter("page_request_wait", wait_, kTimeInNs, "time accesses waited until a page request could be sent");
  v.distribution("page_request_latency", latency_, kTimeInNs, "from page request to response");
}

}  // namespace pagoda
