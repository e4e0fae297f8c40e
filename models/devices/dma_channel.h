// How a device's transfers become requests: the part of a DMA engine that needs no SystemC.
//
// Models: transfers are cut at multiples of the request size (so no request crosses a page) and issued in the order in
// which they were started, one per interval, while fewer than so many requests are under way; a request is under way
// from its issue to its answer and requests end in any order; if the device retires them in order, the place of one is
// taken until all before it have ended (those that wait for a page hold nobody up). With an address translation cache a
// request is translated first and goes out with the host's address. Where the host grants no translation, the device
// asks for the page (PCI Express Base Specification 5.0, 10.4) and the request waits, under way, while others pass;
// after the response its translation is asked for again. A device that makes no page requests gives the request up.
// Does not model: priorities, several queues of requests, order of requests to the same address.
//
// A log (access_log.h) is asked before each write; one that it has no room for waits, under way, and is translated anew
// when there is. A channel that is suspended issues nothing; what was issued before goes on to its end.
//
// A transfer ends when its last request is answered. After a request that is refused or given up, the rest of its
// transfer is not issued.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "pagoda/devices/access_log.h"
#include "pagoda/devices/agenda.h"
#include "pagoda/devices/atc.h"
#include "pagoda/devices/dma_config.h"
#include "pagoda/devices/dma_job.h"
#include "pagoda/devices/host_port.h"
#include "pagoda/devices/page_requests.h"

namespace pagoda {

class DmaChannel final : private AgendaTask {
 public:
  DmaChannel(const DmaConfig& config, Agenda& agenda, HostPort& host);

  /// From a task of the agenda that runs at `at`.
  void start(DmaJob& job, Ps at);
  /// The host's response to a page request arrives at `at`. False if no such request is under way.
  bool answer_page_request(std::uint16_t group, PageResponse response, Ps at);
  /// See Atc::invalidate(). Nothing if the device has no ATC.
  std::optional<Ps> invalidate(const AtcInvalidation& what, Ps at);
  /// Kernel time: no request is made before it any more.
  void set_floor(Ps now) { floor_ = now; }

  /// To be asked about writes from now on; null: nobody.
  void set_log(AccessLog* log) { log_ = log; }
  /// The log may have room: writes that wait for it are tried again. From a task of the agenda that runs at `at`.
  void retry_stalled(Ps at);
  /// From a task of the agenda, as resume().
  void suspend() { suspended_ = true; }
  void resume(Ps at);
  bool suspended() const { return suspended_; }
  /// Since when nothing has been under way; nothing if the channel is not suspended or something is, for how long
  /// nobody knows.
  std::optional<Ps> quiet_since() const;

  /// Requests that wait for a page.
  std::size_t blocked() const { return blocked_.size(); }
  /// The latencies of all requests carried out, and the parts they were accounted to; they must agree.
  Ps summed_latency() const { return latency_.sum(); }
  Ps accounted_time() const { return time_.total(); }

  /// Data moved, in the requests that statistics count.
  std::uint64_t bytes() const { return bytes_; }
  const Distribution& latency() const { return latency_; }

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  struct Request {
    DmaJob* job;
    Addr address;
    std::uint32_t bytes;
    std::uint32_t page_requests = 0;  // made for it
    Ps issued;
    TimeSplit time{};
  };
  // A write that waits for room in the log.
  struct Stalled {
    Request request;
    Ps since;
  };
  // A request that waits for a page.
  struct Blocked final : AgendaTask {
    Blocked(DmaChannel& in, const Request& waiting, Ps at) : channel(in), request(waiting), since(at) {}
    void run(Ps at) override { channel.resume(*this, at); }

    DmaChannel& channel;
    Request request;
    Ps since;
    std::optional<std::uint16_t> group;    // that asks for its page; none: it waits until another is answered
    std::optional<PageResponse> response;  // to that
    bool scheduled = false;
  };

  void run(Ps at) override;
  void schedule(Ps at);
  void retire(Ps at);
  void issue(Ps at);
  void attempt(Request& request, Ps at);
  std::size_t under_way() const { return completions_.size() + blocked_.size() + stalled_.size(); }
  void finish(Request& request, Ps done, DmaStatus status);
  void block(Request& request, Ps at);
  void ask_for_page(Blocked& blocked, Ps at);
  void resume(Blocked& blocked, Ps at);
  Request release(Blocked& blocked, Ps at);
  void wake(Blocked& blocked, Ps at);
  void wake_waiting(Ps at);
  TimedRequest request_of(Request& request, TimeSplit& time);
  unsigned char* bytes_of(const Request& request) const;

  Agenda& agenda_;
  HostPort& host_;
  std::uint32_t requester_;
  DmaSpace space_;
  std::uint64_t request_size_;
  std::size_t limit_;
  bool in_order_;
  Ps interval_;
  std::optional<Atc> atc_;
  std::uint32_t page_request_attempts_;
  PageRequests pages_;
  AccessLog* log_ = nullptr;

  std::deque<DmaJob*> jobs_;     // with requests still to issue
  std::vector<Ps> completions_;  // a heap: when each request under way ends, unless it is blocked
  std::vector<std::unique_ptr<Blocked>> blocked_;
  std::deque<Stalled> stalled_;
  bool suspended_ = false;
  Ps next_issue_ = 0;
  Ps retired_ = 0;  // when all requests so far have ended
  Ps floor_ = 0;
  bool scheduled_ = false;
  Fault fault_;  // of the request last refused

  std::uint64_t reads_ = 0, writes_ = 0, bytes_ = 0, refused_ = 0, not_granted_ = 0, waited_for_page_ = 0,
                page_wait_ = 0, log_stalls_ = 0, log_wait_ = 0, outstanding_max_ = 0;
  Distribution latency_;
  TimeSplit time_;
  Probe outstanding_probe_, blocked_probe_;
};

}  // namespace pagoda
