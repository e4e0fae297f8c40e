#include "pagoda/devices/dma_channel.h"

#include <algorithm>
#include <functional>

namespace pagoda {

DmaChannel::DmaChannel(const DmaConfig& config, Agenda& agenda, HostPort& host)
    : agenda_(agenda),
      host_(host),
      requester_(config.requester),
      space_{config.pasid, config.supervisor ? Privilege::supervisor : Privilege::user},
      request_size_(config.request_size.count),
      limit_(config.outstanding),
      in_order_(config.in_order),
      interval_(config.issue_interval.at(config.clock.period())),
      page_request_attempts_(config.atc ? config.atc->page_request_attempts : 0),
      pages_(config.atc ? config.atc->page_requests : 0) {
  if (config.atc) atc_.emplace(*config.atc, config.clock.period());
}

void DmaChannel::start(DmaJob& job, Ps at) {
  job.status = DmaStatus::ok;
  job.done = at;
  job.issued_ = 0;
  job.under_way_ = 0;
  if (job.bytes == 0) {
    agenda_.add(at, job);
    return;
  }
  jobs_.push_back(&job);
  schedule(std::max(at, next_issue_));
}

void DmaChannel::schedule(Ps at) {
  if (scheduled_) return;
  scheduled_ = true;
  agenda_.add(at, *this);
}

// Issues what there is to issue at `at`, and comes again when there is more.
void DmaChannel::run(Ps at) {
  scheduled_ = false;
  while (!jobs_.empty() && !suspended_) {
    if (next_issue_ > at) return schedule(next_issue_);
    retire(at);
    if (under_way() >= limit_) {
      if (!completions_.empty()) schedule(completions_.front());
      return;  // else all wait for pages or the log: a response, or room, goes on from here
    }
    next_issue_ = at + interval_;
    issue(at);
  }
}

void DmaChannel::retire(Ps at) {
  while (!completions_.empty() && completions_.front() <= at) {
    std::pop_heap(completions_.begin(), completions_.end(), std::greater<>());
    completions_.pop_back();
  }
}

void DmaChannel::issue(Ps at) {
  DmaJob& job = *jobs_.front();
  Request request{.job = &job, .address = job.address + job.issued_, .bytes = 0, .issued = at};
  const std::uint64_t room = request_size_ - request.address % request_size_;
  request.bytes = static_cast<std::uint32_t>(std::min(job.bytes - job.issued_, room));
  job.issued_ += request.bytes;
  ++job.under_way_;
  if (job.issued_ == job.bytes) jobs_.pop_front();
  attempt(request, at);
}

TimedRequest DmaChannel::request_of(Request& request, TimeSplit& time) {
  const DmaJob& job = *request.job;
  const DmaSpace& space = job.space ? *job.space : space_;
  return {.address = request.address,
          .bytes = request.bytes,
          .info = {.requester = requester_,
                   .pasid = space.pasid.value_or(0),
                   .access = job.write ? AccessKind::write : AccessKind::read,
                   .privilege = space.privilege,
                   .origin = Origin::dma,
                   .has_pasid = space.pasid.has_value()},
          .floor = floor_,
          .time = &time,
          .fault = &fault_};
}

unsigned char* DmaChannel::bytes_of(const Request& request) const {
  const DmaJob& job = *request.job;
  return job.data == nullptr ? nullptr : job.data + (request.address - job.address);
}

void DmaChannel::attempt(Request& request, Ps at) {
  TimedRequest timed = request_of(request, request.time);
  AtcEntry* entry = nullptr;
  if (atc_ && request.job->uses_atc) {
    const AtcAnswer answer = atc_->translate(timed, at, host_);
    at = answer.at;
    switch (answer.kind) {
      case AtcAnswer::Kind::not_granted: return block(request, at);
      case AtcAnswer::Kind::refused: return finish(request, at, DmaStatus::refused);
      case AtcAnswer::Kind::translated: timed.info.translated = true; break;
      case AtcAnswer::Kind::untranslated: break;
    }
    timed.address = answer.address;
    entry = answer.entry;
  }
  const LoggedWrite logged{request.job->space.value_or(space_), request.address, request.bytes, entry};
  const bool log = log_ != nullptr && request.job->write;
  if (log && !log_->admit(logged, at)) {
    ++log_stalls_;
    stalled_.push_back({request, at});
    return;
  }
  fault_ = {};
  const TimedAnswer answer = host_.access(timed, at, bytes_of(request));
  if (log) log_->made(logged, answer.done);
  if (entry != nullptr) Atc::used(*entry, answer.done);
  finish(request, answer.done, answer.ok() ? DmaStatus::ok : DmaStatus::refused);
}

void DmaChannel::finish(Request& request, Ps done, DmaStatus status) {
  DmaJob& job = *request.job;
  retired_ = std::max(retired_, done);
  completions_.push_back(in_order_ ? retired_ : done);
  std::push_heap(completions_.begin(), completions_.end(), std::greater<>());
  outstanding_max_ = std::max<std::uint64_t>(outstanding_max_, under_way());
  outstanding_probe_.during(request.issued, done);
  --job.under_way_;
  job.done = std::max(job.done, done);
  if (status == DmaStatus::ok) {
    ++(job.write ? writes_ : reads_);
    bytes_ += request.bytes;
    latency_.record(done - request.issued);
    time_ += request.time;
  } else {
    ++(status == DmaStatus::refused ? refused_ : not_granted_);
    if (job.status == DmaStatus::ok) job.status = status;
    if (!jobs_.empty() && jobs_.front() == &job) jobs_.pop_front();
    job.issued_ = job.bytes;  // nothing more of it
  }
  if (job.under_way_ == 0 && job.issued_ == job.bytes) agenda_.add(job.done, job);
}

// In their order, up to the first for which there is still no room.
void DmaChannel::retry_stalled(Ps at) {
  for (std::size_t left = stalled_.size(); left > 0; --left) {
    Stalled stalled = stalled_.front();
    stalled_.pop_front();
    const Ps waited = at - std::min(at, stalled.since);
    stalled.request.time[TimePart::queue] += waited;
    log_wait_ += waited;
    attempt(stalled.request, stalled.since + waited);  // its translation took it beyond `at`, maybe
    if (stalled_.size() < left) continue;
    std::rotate(stalled_.begin(), std::prev(stalled_.end()), stalled_.end());
    break;
  }
  if (!jobs_.empty()) schedule(std::max(at, next_issue_));
}

void DmaChannel::resume(Ps at) {
  suspended_ = false;
  if (!jobs_.empty()) schedule(std::max(at, next_issue_));
}

std::optional<Ps> DmaChannel::quiet_since() const {
  if (!suspended_ || !blocked_.empty() || !stalled_.empty()) return std::nullopt;
  return retired_;
}

// The host grants no translation.
void DmaChannel::block(Request& request, Ps at) {
  if (!pages_.allowed() || request.page_requests == page_request_attempts_) {
    return finish(request, at, DmaStatus::not_granted);
  }
  ++request.page_requests;
  ++waited_for_page_;
  Blocked& blocked = *blocked_.emplace_back(std::make_unique<Blocked>(*this, request, at));
  blocked_probe_.rise(at);
  outstanding_max_ = std::max<std::uint64_t>(outstanding_max_, under_way());
  ask_for_page(blocked, at);
}

void DmaChannel::ask_for_page(Blocked& blocked, Ps at) {
  TimeSplit nobodys;  // all of the wait is accounted when it is over
  const TimedRequest request = request_of(blocked.request, nobodys);
  blocked.group = pages_.find(request);
  if (blocked.group || pages_.full()) return;
  const std::uint16_t group = pages_.open(request, at);
  blocked.group = group;
  pages_.count_wait(at - blocked.since);
  const TimedAnswer sent = host_.request_page(request, group, at);
  if (!sent.ok()) answer_page_request(group, PageResponse::invalid_request, sent.done);
}

bool DmaChannel::answer_page_request(std::uint16_t group, PageResponse response, Ps at) {
  if (!pages_.close(group, response, at)) return false;
  for (const auto& blocked : blocked_) {
    if (blocked->group != group) continue;
    blocked->group.reset();
    blocked->response = response;
    wake(*blocked, at);
  }
  wake_waiting(at);
  return true;
}

// A page request ended: others may be made, or none any more.
void DmaChannel::wake_waiting(Ps at) {
  for (const auto& blocked : blocked_) {
    if (blocked->group || blocked->response || blocked->scheduled) continue;
    wake(*blocked, at);
    if (pages_.allowed()) return;
  }
}

void DmaChannel::wake(Blocked& blocked, Ps at) {
  blocked.scheduled = true;
  agenda_.add(std::max(at, blocked.since), blocked);
}

void DmaChannel::resume(Blocked& blocked, Ps at) {
  blocked.scheduled = false;
  retire(at);
  if (!blocked.response && !pages_.allowed()) blocked.response = PageResponse::failure;
  if (!blocked.response) {
    ask_for_page(blocked, at);
    if (blocked.group && !pages_.full()) wake_waiting(at);
    return;
  }
  const PageResponse response = *blocked.response;
  Request request = release(blocked, at);
  if (response == PageResponse::success) {
    attempt(request, at);
  } else {
    finish(request, at, DmaStatus::not_granted);
  }
  if (!jobs_.empty()) schedule(std::max(at, next_issue_));
}

// The request no longer waits.
DmaChannel::Request DmaChannel::release(Blocked& blocked, Ps at) {
  Request request = blocked.request;
  request.time[TimePart::queue] += at - blocked.since;
  page_wait_ += at - blocked.since;
  blocked_probe_.fall(at);
  const auto its = [&blocked](const auto& other) { return other.get() == &blocked; };
  blocked_.erase(std::find_if(blocked_.begin(), blocked_.end(), its));
  return request;
}

std::optional<Ps> DmaChannel::invalidate(const AtcInvalidation& what, Ps at) {
  if (!atc_) return std::nullopt;
  return atc_->invalidate(what, at);
}

void DmaChannel::visit_stats(StatVisitor& v) {
  std::uint64_t requests = reads_ + writes_;
  v.counter("requests", requests, kCount, "requests carried out");
  v.counter("reads", reads_, kCount, "reads carried out");
  v.counter("writes", writes_, kCount, "writes carried out");
  v.counter("bytes", bytes_, kSizeInBytes, "data moved");
  v.distribution("latency", latency_, kTimeInNs, "of requests, from issue to answer");
  v.enter("request_time");
  for (std::size_t part = 0; part < time_.parts.size(); ++part) {
    v.counter(kTimePartNames[part], time_.parts[part], kTimeInNs, "part of the summed request latency");
  }
  v.leave();
  v.counter("faults", refused_, kCount, "requests refused on their way through IOMMU and memory");
  v.counter("not_granted", not_granted_, kCount, "requests given up for want of a translation");
  v.counter("waited_for_page", waited_for_page_, kCount, "how often a request waited for a page");
  v.counter("page_wait", page_wait_, kTimeInNs, "time requests waited for pages");
  if (log_ != nullptr) {
    v.counter("log_stalls", log_stalls_, kCount, "how often a write found no room in the log");
    v.counter("log_wait", log_wait_, kTimeInNs, "time writes waited for room in the log");
  }
  v.counter("outstanding_max", outstanding_max_, kCount, "most requests under way");
  if (!atc_) return;
  v.enter("atc");
  atc_->visit_stats(v);
  pages_.visit_stats(v);
  v.leave();
}

void DmaChannel::visit_probes(ProbeVisitor& v) {
  v.probe("outstanding", outstanding_probe_, 17, "requests under way");
  if (!atc_) return;
  v.probe("blocked", blocked_probe_, 17, "requests that wait for a page");
  v.enter("atc");
  atc_->visit_probes(v);
  pages_.visit_probes(v);
  v.leave();
}

}  // namespace pagoda
