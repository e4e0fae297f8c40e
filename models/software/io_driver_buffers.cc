// Buffers for devices: mapping, unmapping, and when what is unmapped may be used again.
#include <algorithm>

#include "pagoda/base/error.h"
#include "pagoda/software/io_driver.h"

namespace pagoda {
namespace {

constexpr unsigned kAllAddresses = 64;  // page_shift of an ATS invalidation

// The smallest aligned power of two of bytes that holds a range; kAllAddresses for none.
unsigned covering_shift(Addr first, std::uint64_t bytes) {
  if (bytes == 0) return kAllAddresses;
  unsigned shift = kPageShift;
  while (shift < kAllAddresses && (first ^ (first + bytes - 1)) >> shift != 0) ++shift;
  return shift;
}

AtsDestination destination(const IoUser& user) {
  AtsDestination to{.requester = static_cast<std::uint16_t>(user.device_id), .segment = {}, .process_id = {}};
  if (user.device_id >> 16 != 0) to.segment = static_cast<std::uint8_t>(user.device_id >> 16);
  to.process_id = user.process_id;
  return to;
}

}  // namespace

// Invalidations of translations that IOTLB and devices may have of a range; all of the domain's if it is large.
std::vector<IommuCommand> IoDriver::invalidation(const IoDomain& domain, Addr first, std::uint64_t bytes,
                                                 unsigned page_shift) {
  if (bytes >= config_.invalidate_all.count) return invalidation_of_all(domain);
  const auto id = domain.id();
  std::vector<IommuCommand> batch;
  for (Addr page = first; page - first < bytes; page += Addr{1} << page_shift) {
    if (domain.is_second_stage()) {
      batch.emplace_back(IotinvalGvma{.gscid = static_cast<std::uint16_t>(id), .address = page});
    } else {
      IotinvalVma command{.gscid = {}, .pscid = id, .address = page};
      if (domain.guest() != nullptr) command.gscid = static_cast<std::uint16_t>(domain.guest()->second_stage.id());
      batch.emplace_back(command);
    }
  }
  add_device_invalidations(batch, domain, first, bytes);
  return batch;
}

std::vector<IommuCommand> IoDriver::invalidation_of_all(const IoDomain& domain) {
  std::vector<IommuCommand> batch;
  if (domain.is_second_stage()) {
    batch.emplace_back(IotinvalGvma{.gscid = static_cast<std::uint16_t>(domain.id()), .address = {}});
  } else {
    IotinvalVma command{.gscid = {}, .pscid = domain.id(), .address = {}};
    if (domain.guest() != nullptr) command.gscid = static_cast<std::uint16_t>(domain.guest()->second_stage.id());
    batch.emplace_back(command);
  }
  add_device_invalidations(batch, domain, 0, 0);
  return batch;
}

// Whether a device keeps translations that this domain is a part of.
bool IoDriver::translates_alone(const IoUser& user, const IoDomain& domain) const {
  const auto found = devices_.find(user.device_id);
  if (found == devices_.end() || !found->second.options.ats) return false;
  // With T2GPA a device keeps guest physical addresses, which the second stage translates each time.
  return !domain.is_second_stage() || !found->second.options.guest_addresses;
}

// The devices' caches come after the IOTLB, from which they could fetch the old translation again: a fence in between.
// A second stage's addresses are not those that devices know their translations by.
void IoDriver::add_device_invalidations(std::vector<IommuCommand>& batch, const IoDomain& domain, Addr first,
                                        std::uint64_t bytes) {
  std::vector<AtsInval> messages;
  const unsigned shift = covering_shift(first, bytes);
  const Addr start = shift == kAllAddresses ? 0 : first & ~low_mask(shift);
  for (const IoUser& user : domain.users) {
    if (!translates_alone(user, domain)) continue;
    if (domain.is_second_stage()) {
      messages.push_back({.to = destination(user), .page_shift = kAllAddresses, .all_processes = true});
    } else {
      messages.push_back({.to = destination(user), .address = start, .page_shift = static_cast<std::uint8_t>(shift)});
    }
  }
  for (const auto& other : domains_) {  // first stages whose guest's memory this one translates
    if (other->guest() == nullptr || &other->guest()->second_stage != &domain) continue;
    for (const IoUser& user : other->users) {
      if (!translates_alone(user, domain)) continue;
      messages.push_back({.to = destination(user), .page_shift = kAllAddresses});
    }
  }
  if (messages.empty()) return;
  batch.emplace_back(IofenceC{});
  batch.insert(batch.end(), messages.begin(), messages.end());
}

// Tables that the domain gave up before are used again only afterwards.
bool IoDriver::invalidate(IoDomain& domain, const std::vector<IommuCommand>& batch) {
  const std::vector<CountedFrames::Frame> tables = domain.frames().take_resting();
  const bool done = commands_.run(batch);
  if (done) domain.frames().give_back(tables);
  return done;
}

std::optional<Addr> IoDriver::map(IoDomain& domain, Addr address, std::uint64_t bytes, DmaDirection direction) {
  const Ps start = kernel_now();
  if (domain.kind() != IoDomain::Kind::own || domain.mapping == IoMapping::premapped) {
    spend(config_.costs.pool.ps);
    const std::optional<Addr> iova =
        domain.kind() == IoDomain::Kind::own ? domain.kept(address, bytes) : std::optional(address);
    ++(iova ? maps_ : maps_refused_);
    map_time_.record(kernel_now() - start);
    return iova;
  }
  const auto map_once = [&] { return domain.map(address, bytes, direction); };
  spend(config_.costs.map.ps);
  std::optional<IoDomain::Buffer> buffer = map_once();
  if (!buffer && !domain.resting.empty()) {
    flush(domain);
    buffer = map_once();
  }
  if (!buffer) {
    ++maps_refused_;
    return std::nullopt;
  }
  spend(buffer->pages() * config_.costs.map_page.ps);
  ++maps_;
  mapped_pages_ += buffer->pages();
  map_time_.record(kernel_now() - start);
  return buffer->iova + (address & low_mask(kPageShift));
}

std::optional<Addr> IoDriver::map(IoDomain& domain, std::span<const Addr> pages, DmaDirection direction) {
  const Ps start = kernel_now();
  spend(config_.costs.map.ps + pages.size() * config_.costs.map_page.ps);
  std::optional<IoDomain::Buffer> buffer = domain.map(pages, direction);
  if (!buffer && !domain.resting.empty()) {
    flush(domain);
    buffer = domain.map(pages, direction);
  }
  if (!buffer) {
    ++maps_refused_;
    return std::nullopt;
  }
  ++maps_;
  mapped_pages_ += buffer->pages();
  map_time_.record(kernel_now() - start);
  return buffer->iova;
}

void IoDriver::unmap(IoDomain& domain, Addr iova, IoDomain::Released released) {
  const Ps start = kernel_now();
  if (domain.kind() != IoDomain::Kind::own || domain.mapping == IoMapping::premapped) {
    spend(config_.costs.pool.ps);
    ++unmaps_;
    unmap_time_.record(kernel_now() - start);
    if (released) released();
    return;
  }
  const IoDomain::Buffer* const found = domain.find(iova);
  const std::uint64_t pages = found != nullptr ? found->pages() : 0;
  spend(config_.costs.unmap.ps + pages * config_.costs.unmap_page.ps);
  const IoDomain::Buffer buffer = domain.remove(iova);
  ++unmaps_;
  unmapped_pages_ += buffer.pages();
  if (domain.mapping == IoMapping::batched) {
    rest(domain, buffer, std::move(released), start);
    if (domain.resting.size() >= config_.flush.entries) flush(domain);
  } else if (invalidate(domain, invalidation(domain, buffer.iova, buffer.bytes, buffer.page_shift))) {
    release(domain, {.buffer = buffer, .released = std::move(released), .since = start});
  } else {
    lost_pages_ += buffer.pages();
  }
  unmap_time_.record(kernel_now() - start);
}

void IoDriver::premap(IoDomain& domain, Addr address, std::uint64_t bytes) {
  const Ps start = kernel_now();
  const Addr first = address & ~low_mask(kPageShift);
  const std::optional<IoDomain::Buffer> buffer = domain.map(address, bytes, DmaDirection::both);
  if (!buffer) throw UserError("there is no room for what a device is to have mapped for good");
  domain.keep(first, *buffer);
  mapped_pages_ += buffer->pages();
  spend(config_.costs.map.ps + buffer->pages() * config_.costs.map_page.ps);
  map_time_.record(kernel_now() - start);
}

void IoDriver::rest(IoDomain& domain, const IoDomain::Buffer& buffer, IoDomain::Released released, Ps since) {
  domain.resting.push_back({.buffer = buffer, .released = std::move(released), .since = since});
  resting_pages_ += buffer.pages();
  most_resting_pages_ = std::max(most_resting_pages_, resting_pages_);
  resting_probe_.set(kernel_now(), resting_pages_);
  if (domain.resting.size() > 1) return;
  domain.flush_due = kernel_now() + config_.flush.timeout.ps;
  resting_event_.notify(sc_core::SC_ZERO_TIME);
}

void IoDriver::flush(IoDomain& domain) {
  const std::vector<IoDomain::Resting> batch = std::exchange(domain.resting, {});
  domain.flush_due = kNever;
  if (batch.empty()) return;
  ++flushes_;
  const bool done = invalidate(domain, invalidation_of_all(domain));
  for (const IoDomain::Resting& resting : batch) {
    resting_pages_ -= resting.buffer.pages();
    if (done) {
      release(domain, resting);
    } else {
      lost_pages_ += resting.buffer.pages();
    }
  }
  resting_probe_.set(kernel_now(), resting_pages_);
}

void IoDriver::release(IoDomain& domain, const IoDomain::Resting& resting) {
  domain.recycle(resting.buffer);
  release_time_.record(kernel_now() - resting.since);
  if (resting.released) resting.released();
}

void IoDriver::flush_on_time() {
  failure_.guard([this] {
    while (true) {
      Ps due = kNever;
      for (const auto& domain : domains_) due = std::min(due, domain->flush_due);
      if (due == kNever) {
        wait(resting_event_);
      } else if (due > kernel_now()) {
        wait(delay_until(due), resting_event_);
      } else {
        for (std::size_t i = 0; i < domains_.size(); ++i) {  // there may be more after a flush
          if (domains_[i]->flush_due <= kernel_now()) flush(*domains_[i]);
        }
      }
    }
  });
}

}  // namespace pagoda
