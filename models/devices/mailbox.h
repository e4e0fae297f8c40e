// What reaches a device from outside, at times of others: kept until the device has come that far.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "pagoda/devices/device_function.h"

namespace pagoda {

/// Items are delivered in order of time, those of one time in the order in which they were posted.
template <class Item>
class Mailbox final : private AgendaTask {
 public:
  explicit Mailbox(std::function<void(Item&, Ps)> deliver) : deliver_(std::move(deliver)) {}

  void attach(DeviceServices& services) { services_ = &services; }
  void post(Ps at, Item item) {
    const auto later = [at](const Letter& letter) { return letter.at > at; };
    letters_.insert(std::find_if(letters_.begin(), letters_.end(), later), {at, std::move(item)});
    services_->post(at, *this);
  }
  std::size_t size() const { return letters_.size(); }

 private:
  struct Letter {
    Ps at;
    Item item;
  };

  void run(Ps at) override {
    Item item = std::move(letters_.front().item);
    letters_.erase(letters_.begin());
    deliver_(item, at);
  }

  std::function<void(Item&, Ps)> deliver_;
  DeviceServices* services_ = nullptr;
  std::vector<Letter> letters_;  // in order of time
};

}  // namespace pagoda
