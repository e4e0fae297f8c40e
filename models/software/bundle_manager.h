// System software's bookkeeping for bundle access control: which pages devices may reach on behalf of which tenant,
// kept as bundles in the two tables that the IOMMU reads.
//
// Models: a reference for every guest virtual address that points to a page, with the devices that may follow it; a
// page is open to the devices of all its references together, and belongs to the bundle of exactly that set; sets that
// are new get a bundle, bundles without pages are freed. Counters of references per page and per device and of pages
// per bundle, and each tenant's list of bundles. Both tables are real bytes: a row is written before the first page
// points to it. What has to be invalidated is collected in batches; ids of freed bundles and pages that nobody uses any
// more are not used again before their batch is done. Does not model: time (who calls accounts for it), callers at the
// same time, whether a tenant may have the page at all.
//
// Taking rights away is never refused. If there is no id for what is left, the page falls back as with
// Exhaustion::no_access, and gets its bundle when ids are free again.
//
// Source for what is counted: claims of US patent 11526451. How bundles are chosen, freed and run out is Pagoda's own.
// Errors: InvariantError from verify().
#pragma once

#include <map>
#include <set>
#include <unordered_map>

#include <boost/describe/enum.hpp>

#include "pagoda/base/stats.h"
#include "pagoda/software/due_invalidations.h"
#include "pagoda/software/page_references.h"

namespace pagoda {

/// What becomes of a page whose set needs a bundle when there is no id left. Rights are never widened.
enum class Exhaustion : std::uint8_t {
  deny,       ///< it is not mapped
  no_access,  ///< it is mapped without any rights until an id is free
  narrower    ///< it joins the bundle that grants most of its set and nothing beyond it
};
BOOST_DESCRIBE_ENUM(Exhaustion, deny, no_access, narrower)

struct BundleManagerConfig {
  Exhaustion exhaustion = Exhaustion::deny;
  std::uint32_t reference_bits = 16;
  std::uint32_t counter_bits = 32;

  static const ConfigInfo& config_info();
};

class BundleManager {
 public:
  enum class Status {
    ok,
    waits_for_id,  ///< done, but the page's devices have fewer rights than asked for, until an id is free
    exhausted,     ///< no id left, and Exhaustion::deny
    too_many,      ///< the page's reference counter is at its limit
    pending,       ///< the page's last user is gone, but the invalidations are not done
    not_mapped,    ///< the tenant has no such reference
    out_of_range   ///< the tables do not know the page or a device
  };

  /// Clears both tables in `store`, which outlives the manager.
  BundleManager(const BundleManagerConfig& config, const BundleLayout& layout, ByteStore& store);

  /// One more of the tenant's addresses points to the page; `devices` may follow it.
  Status map(TenantId tenant, const DeviceSet& devices, Addr page);
  /// One of those less.
  Status unmap(TenantId tenant, const DeviceSet& devices, Addr page);
  /// Other devices may follow one of them. Refused as a whole if it would need an id that is not there.
  Status change(TenantId tenant, const DeviceSet& from, const DeviceSet& to, Addr page);
  /// Takes the page away from the tenant, whatever points to it.
  Status revoke(TenantId tenant, Addr page);
  /// Likewise all pages of the tenant.
  void remove_tenant(TenantId tenant);

  /// What has to be invalidated because of the calls since the last time.
  DueInvalidations take_due();
  /// All batches up to this one are done. Pages that wait for an id may get one, which makes new invalidations due.
  void invalidations_done(InvalidationTicket ticket);

  /// Sets all counters from table 1 and the references, and frees bundles that turn out to have no pages.
  void recount();
  /// Throws InvariantError unless tables, counters and lists agree with each other.
  void verify() const;

  const BundleLayout& layout() const { return layout_; }
  const BundlePool& pool() const { return pool_; }
  /// The page's bundle, as table 1 says.
  BundleId bundle_of(Addr page) const;
  std::uint64_t references(Addr page) const;
  bool pending(Addr page) const { return resting_pages_.contains(page); }
  std::size_t mapped_pages() const { return pages_.size(); }
  std::size_t waiting_pages() const { return waiting_.size(); }
  /// The tenant's bundles, with the number of its pages in each.
  const std::map<BundleId, std::uint64_t>& bundles_of(TenantId tenant) const;
  /// References through which the device can reach memory.
  const SaturatingCounter& device_references(std::uint32_t device) const { return device_references_[device]; }

  void visit_stats(StatVisitor& visitor);

 private:
  struct Page {
    PageReferences references;
    BundleId bundle = kNoBundle;
  };
  using Pages = std::unordered_map<Addr, Page>;

  bool in_range(const DeviceSet& devices, Addr page) const;
  bool can_place(const DeviceSet& devices) const { return pool_.find(devices) || pool_.has_free_id(); }
  BundleId choose(const DeviceSet& devices);
  void place(Addr page, Page& record);
  void move(Addr page, Page& record, BundleId to);
  void settle(Pages::iterator page);
  void list(const Page& record, bool enter);
  void forget(Addr page, const DeviceSet& before, const DeviceSet& now);
  void count_references(const DeviceSet& devices, std::uint64_t count, bool more);

  struct Recount;
  Recount count_again() const;
  void verify_bundles(const Recount& recount) const;
  void verify_pages() const;

  BundleManagerConfig config_;
  BundleLayout layout_;
  ByteStore& store_;
  BundlePool pool_;
  DueCollector due_;
  Pages pages_;             // mapped ones
  std::set<Addr> waiting_;  // pages whose bundle grants less than their references do
  std::unordered_map<Addr, InvalidationTicket> resting_pages_;  // without users, not to be used again yet
  std::map<TenantId, std::map<BundleId, std::uint64_t>> tenants_;
  std::vector<SaturatingCounter> device_references_;
  std::uint64_t maps_ = 0, unmaps_ = 0, refused_ = 0, moves_ = 0, allocated_ = 0, freed_ = 0, fallbacks_ = 0;
  std::uint64_t due_pages_ = 0, due_bundles_ = 0, due_device_pages_ = 0, ids_written_ = 0;
};

}  // namespace pagoda
