// The page requests of a device that are under way (PCI Express Base Specification 5.0, 10.4).
//
// Models: a bounded number of page-request groups of one page each; whoever needs a page that is asked for already,
// with at least its permission, joins. After the host's response "failure" the device makes no page requests any more
// (10.4.2). Does not model: groups of several pages, stop markers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pagoda/base/ats_message.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/base/timed_target.h"

namespace pagoda {

class PageRequests {
 public:
  /// At most `count` at a time, at most 512; none: the device makes no page requests.
  explicit PageRequests(std::uint32_t count) : groups_(count) {}

  /// Whether the device may ask for pages.
  bool allowed() const { return !groups_.empty() && !stopped_; }
  bool full() const { return open_ == groups_.size(); }
  /// The group that asks for the page around the request's address already.
  std::optional<std::uint16_t> find(const TimedRequest& request);
  /// A new group for it, of which a message goes out at `at`; not if full().
  std::uint16_t open(const TimedRequest& request, Ps at);
  /// The group is answered, or could not be asked. False if there is none under way.
  bool close(std::uint16_t group, PageResponse response, Ps at);

  void count_wait(Ps time) { wait_ += time; }
  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor) {
    visitor.probe("page_requests", open_probe_, 10, "page requests under way");
  }

 private:
  struct Group {
    bool open = false;
    bool write = false;
    bool has_pasid = false;
    Privilege privilege = Privilege::user;
    std::uint32_t pasid = 0;
    Addr page = 0;
    Ps since = 0;
  };

  std::vector<Group> groups_;
  std::size_t open_ = 0;
  bool stopped_ = false;
  std::uint64_t requests_ = 0, joined_ = 0, refused_ = 0, wait_ = 0;

  Distribution latency_;
  Probe open_probe_;
};

}  // namespace pagoda
