// The bundle ids that system software has: which set of devices and rights each stands for, and how many pages it has.
//
// Models: rows of table 2 as real bytes; one bundle for each set; page counters of bounded width (a saturated one
// sticks, and its bundle is not freed until a recount). A bundle without pages is freed: its row is cleared, and its id
// is handed out again only when the invalidations of that time are done, because caches may still know it. Does not
// model: time.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "pagoda/software/device_set.h"
#include "pagoda/software/saturating_counter.h"

namespace pagoda {

/// A batch of invalidations, counted from 1; see BundleManager::take_due().
using InvalidationTicket = std::uint64_t;

class BundlePool {
 public:
  enum class State : std::uint8_t { unused, live, quarantined };

  /// Clears table 2 in `store`, which outlives the pool.
  BundlePool(const BundleLayout& layout, unsigned counter_bits, ByteStore& store);

  /// The bundle of exactly that set. The empty set is kNoBundle's.
  std::optional<BundleId> find(const DeviceSet& devices) const;
  /// The live bundle that grants most of the set and nothing beyond it; kNoBundle if there is none.
  BundleId best_within(const DeviceSet& devices) const;
  bool has_free_id() const { return !free_.empty() || bundles_.size() < layout_.bundles; }
  /// A new bundle, without pages so far. Only with a free id.
  BundleId allocate(const DeviceSet& devices);

  void add_page(BundleId bundle) { bundles_[bundle].pages.increment(); }
  /// True if it was the last one and the bundle has been freed: quarantined until `ticket` is done.
  bool remove_page(BundleId bundle, InvalidationTicket ticket);
  /// What a recount found; true if the bundle has been freed.
  bool set_pages(BundleId bundle, std::uint64_t count, InvalidationTicket ticket);
  /// Ids freed up to that batch may be handed out again.
  void invalidations_done(InvalidationTicket ticket);

  const DeviceSet& devices(BundleId bundle) const { return bundles_[bundle].devices; }
  const SaturatingCounter& pages(BundleId bundle) const { return bundles_[bundle].pages; }
  State state(BundleId bundle) const { return bundle < bundles_.size() ? bundles_[bundle].state : State::unused; }
  /// Ids from this on have never been used.
  BundleId first_untouched() const { return static_cast<BundleId>(bundles_.size()); }
  std::size_t live() const { return by_devices_.size(); }
  std::size_t quarantined() const { return quarantine_.size(); }
  std::uint64_t words_written() const { return words_written_; }

 private:
  struct Bundle {
    DeviceSet devices;
    SaturatingCounter pages;
    State state;
  };
  struct Quarantined {
    BundleId bundle;
    InvalidationTicket ticket;
  };

  bool free_if_empty(BundleId bundle, InvalidationTicket ticket);
  void write_row(BundleId bundle, const DeviceSet& devices);

  BundleLayout layout_;
  unsigned counter_bits_;
  ByteStore& store_;
  std::vector<Bundle> bundles_;               // by id
  std::map<DeviceSet, BundleId> by_devices_;  // live ones, without kNoBundle
  std::vector<BundleId> free_;                // of those that were used before
  std::deque<Quarantined> quarantine_;        // in order of tickets
  std::uint64_t words_written_ = 0;
};

}  // namespace pagoda
