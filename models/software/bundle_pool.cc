#include "pagoda/software/bundle_pool.h"

#include <algorithm>

namespace pagoda {

BundlePool::BundlePool(const BundleLayout& layout, unsigned counter_bits, ByteStore& store)
    : layout_(layout), counter_bits_(counter_bits), store_(store) {
  bundles_.push_back({{}, SaturatingCounter(counter_bits), State::live});
  store_.clear(layout_.rows, layout_.table2_bytes());
}

std::optional<BundleId> BundlePool::find(const DeviceSet& devices) const {
  if (devices.empty()) return kNoBundle;
  const auto known = by_devices_.find(devices);
  if (known == by_devices_.end()) return std::nullopt;
  return known->second;
}

BundleId BundlePool::best_within(const DeviceSet& devices) const {
  BundleId best = kNoBundle;
  for (const auto& [granted, bundle] : by_devices_) {
    if (granted.weight() > bundles_[best].devices.weight() && devices.covers(granted)) best = bundle;
  }
  return best;
}

BundleId BundlePool::allocate(const DeviceSet& devices) {
  BundleId bundle = first_untouched();
  if (free_.empty()) {
    bundles_.push_back({devices, SaturatingCounter(counter_bits_), State::live});
  } else {
    bundle = free_.back();
    free_.pop_back();
    bundles_[bundle] = {devices, SaturatingCounter(counter_bits_), State::live};
  }
  by_devices_.emplace(devices, bundle);
  write_row(bundle, devices);
  return bundle;
}

bool BundlePool::remove_page(BundleId bundle, InvalidationTicket ticket) {
  bundles_[bundle].pages.decrement();
  return free_if_empty(bundle, ticket);
}

bool BundlePool::set_pages(BundleId bundle, std::uint64_t count, InvalidationTicket ticket) {
  bundles_[bundle].pages.set(count);
  return free_if_empty(bundle, ticket);
}

bool BundlePool::free_if_empty(BundleId bundle, InvalidationTicket ticket) {
  Bundle& record = bundles_[bundle];
  if (bundle == kNoBundle || record.state != State::live || record.pages.value() > 0) return false;
  by_devices_.erase(record.devices);
  record.devices = {};
  record.state = State::quarantined;
  quarantine_.push_back({bundle, ticket});
  write_row(bundle, {});
  return true;
}

void BundlePool::invalidations_done(InvalidationTicket ticket) {
  while (!quarantine_.empty() && quarantine_.front().ticket <= ticket) {
    const BundleId bundle = quarantine_.front().bundle;
    quarantine_.pop_front();
    bundles_[bundle].state = State::unused;
    free_.push_back(bundle);
  }
}

// Each word of the row once; a row of less than a word shares it with others.
void BundlePool::write_row(BundleId bundle, const DeviceSet& devices) {
  const std::uint64_t bytes = layout_.row_bytes();
  const Addr row = layout_.row(bundle);
  const auto part = static_cast<std::uint8_t>(std::min<std::uint64_t>(bytes, 8) * 8);
  auto next = devices.begin();
  for (Addr word = row & ~Addr{7}; word < row + bytes; word += 8) {
    const TableField whole{word, static_cast<std::uint8_t>(word < row ? (row - word) * 8 : 0), part};
    std::uint64_t value = 0;
    for (; next != devices.end(); ++next) {
      const TableField field = layout_.rights_field(bundle, next->device);
      if (field.word != word) break;
      value = field.put(value, static_cast<std::uint64_t>(next->rights));
    }
    write_field(store_, whole, value >> whole.shift);
    ++words_written_;
  }
}

}  // namespace pagoda
