// What the IOMMU tells its driver: page requests, faults, completed commands.
#include <algorithm>

#include "pagoda/base/error.h"
#include "pagoda/software/io_driver.h"

namespace pagoda {
namespace {

Ps time_for(std::uint64_t bytes, Bandwidth rate) {
  return static_cast<Ps>(static_cast<double>(bytes) / rate.bytes_per_second * static_cast<double>(kSecond));
}

}  // namespace

void IoDriver::serve_page_requests() {
  failure_.guard([this] {
    if (!capabilities_.ats()) return;
    while (true) {
      const PageRequestRecord request = page_queue_.next();
      if (request.stop_marker()) continue;
      const Ps start = kernel_now();
      ++page_requests_;
      page_requests_probe_.rise(start);
      respond(request, resolve(request));
      page_request_time_.record(kernel_now() - start);
      page_requests_probe_.fall(kernel_now());
    }
  });
}

// The group gets the worst of its requests' responses.
void IoDriver::respond(const PageRequestRecord& request, PageResponse response) {
  if (response != PageResponse::success) ++requests_refused_;
  const PageGroup group{request.device_id, request.process_id, request.group};
  PageResponse& worst = open_groups_[group];
  worst = std::max(worst, response);
  if (!request.last) return;
  AtsPrgr answer{.to = {.requester = static_cast<std::uint16_t>(request.device_id), .segment = {}, .process_id = {}},
                 .group = request.group,
                 .response = worst};
  if (request.device_id >> 16 != 0) answer.to.segment = static_cast<std::uint8_t>(request.device_id >> 16);
  const auto known = devices_.find(request.device_id);
  if (known != devices_.end() && known->second.options.process_in_responses && request.has_process) {
    answer.to.process_id = request.process_id;
  }
  open_groups_.erase(group);
  commands_.post(answer);
}

IoDomain* IoDriver::domain_of(const PageRequestRecord& request) {
  const auto known = devices_.find(request.device_id);
  if (known == devices_.end()) return nullptr;
  if (!request.has_process) return known->second.domain;
  const auto process = known->second.processes.find(request.process_id);
  return process == known->second.processes.end() ? nullptr : process->second;
}

// What is to be done for a request, as the tables are now.
IoDriver::Decision IoDriver::decide(IoDomain& domain, const PageRequestRecord& request) {
  const std::vector<Leaf> path = leaves(domain, request.page);
  if (path.size() < (domain.guest() != nullptr ? 2u : 1u)) return {Decision::Kind::missing};
  bool granted = true, denied = false, copied = false;
  for (const Leaf& leaf : path) {
    const DmaPolicy policy = policy_of(leaf);
    denied |= policy.deny || (request.read && policy.deny_read) || (request.write && policy.deny_write);
    copied |= policy.copy_on_read;
    granted &= (!request.read || has(leaf.page.rights, Rights::read)) &&
               (!request.write || has(leaf.page.rights, Rights::write));
  }
  if (dma_control_ && (denied || (copied && request.write))) return {Decision::Kind::refused};
  if (!granted) return {Decision::Kind::missing};
  if (!dma_control_ || !copied) return {Decision::Kind::granted};
  const Leaf& last = path.back();
  const Addr live = last.page.output + (last.address - last.page.input);
  return {Decision::Kind::copied, live & ~low_mask(kPageShift)};
}

PageResponse IoDriver::resolve(const PageRequestRecord& request) {
  IoDomain* const domain = domain_of(request);
  if (domain == nullptr) return PageResponse::invalid_request;
  Decision decision = decide(*domain, request);
  if (decision.kind == Decision::Kind::copied && copies_ && !copies_->has(decision.page)) {
    spend(time_for(kPageBytes, config_.costs.copying) + config_.costs.map_page.ps);
    decision = decide(*domain, request);  // the tables may have changed meanwhile
  }
  switch (decision.kind) {
    case Decision::Kind::granted: return PageResponse::success;
    case Decision::Kind::refused: return PageResponse::invalid_request;
    case Decision::Kind::copied: return make_copy(decision.page);
    case Decision::Kind::missing: break;
  }
  return page_handler_ != nullptr ? page_handler_->page_requested(*domain, request) : page_in(*domain, request.page);
}

// Maps a page of a process, and of its guest's memory, as a fault of a processor would.
PageResponse IoDriver::page_in(IoDomain& domain, Addr address) {
  if (domain.kind() != IoDomain::Kind::own) {
    const AddressSpace::Ensured ensured = domain.space()->ensure(address);
    if (ensured.outcome == AddressSpace::Outcome::out_of_range) return PageResponse::invalid_request;
    if (ensured.outcome == AddressSpace::Outcome::out_of_memory) return PageResponse::failure;
    if (ensured.outcome == AddressSpace::Outcome::mapped) {
      ++pages_in_;
      spend(config_.costs.page_fault.ps +
            time_for(std::uint64_t{1} << ensured.page.page_shift, config_.costs.clearing));
    }
    if (domain.kind() == IoDomain::Kind::mirrored && !update_mirror(domain, address, 1)) return PageResponse::failure;
  }
  const std::optional<MappedPage> page = domain.editor().find(address);
  if (!page) return PageResponse::invalid_request;
  if (domain.guest() == nullptr) return PageResponse::success;
  return page_in(domain.guest()->second_stage, page->output + (address - page->input));
}

// The copy is what the page holds when the copying is done, and every device that asks later gets the same.
PageResponse IoDriver::make_copy(Addr page) {
  if (copies_ && copies_->has(page)) return PageResponse::success;
  if (!copies_ || !copies_->make(page)) {
    ++copies_refused_;
    return PageResponse::failure;
  }
  ++copies_made_;
  return PageResponse::success;
}

void IoDriver::serve_faults() {
  failure_.guard([this] {
    while (true) {
      const FaultRecord record = fault_queue_.next();
      ++faults_;
      ++faults_by_cause_[record.cause];
      if (fault_observer_) fault_observer_(record);
    }
  });
}

void IoDriver::serve_commands() {
  failure_.guard([this] {
    if (config_.completion != IoCompletion::interrupt) return;
    while (true) {
      while (!command_wire_->read()) wait(command_wire_->posedge_event());
      commands_.serve_interrupt();
    }
  });
}

}  // namespace pagoda
