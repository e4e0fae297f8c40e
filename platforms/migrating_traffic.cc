#include "platforms/migrating_traffic.h"

#include <algorithm>
#include <cstring>

namespace pagoda {

std::optional<DmaTransfer> MigratingTraffic::next() {
  std::optional<DmaTransfer> transfer = pattern_.next();
  if (!transfer) return transfer;
  if (exits_) {
    const double copying = static_cast<double>(transfer->bytes) / costs_.copying.bytes_per_second * 1e12;
    transfer->gap = std::max(transfer->gap, costs_.exit.ps + costs_.transfer.ps + static_cast<Ps>(copying));
    exits_();
  }
  if (!transfer->write) return transfer;
  std::vector<unsigned char> data;
  if (!free_.empty()) {
    data = std::move(free_.back());
    free_.pop_back();
  }
  data.resize(transfer->bytes);
  const std::uint64_t value = ++next_;
  for (std::size_t i = 0; i < data.size(); i += sizeof value) {
    std::memcpy(&data[i], &value, std::min(sizeof value, data.size() - i));
  }
  transfer->data = data.data();
  in_use_[transfer->data] = std::move(data);
  return transfer;
}

void MigratingTraffic::ended(const DmaTransfer& transfer, DmaStatus status, Ps at) {
  const auto used = in_use_.find(transfer.data);
  if (used != in_use_.end()) {
    free_.push_back(std::move(used->second));
    in_use_.erase(used);
  }
  pattern_.ended(transfer, status, at);
}

}  // namespace pagoda
