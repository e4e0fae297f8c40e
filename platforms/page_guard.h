// The guard of a platform's translated requests, with its tables and what software writes into them.
//
// Models: tables for all of memory, real bytes in frames of the operating system; the guard (pagoda/iommu) that reads
// them through the socket `tables`; software's changes of them: bundles with their bookkeeping, or two bits for each
// device; the orders to drop what the guard has cached of a change, each a write of a register, carried out one after
// the other. Does not model: those registers, the traffic of software's writes (a cost for each word, charged by who
// asks take_writes()).
//
// Without a guard (GuardKind::none) nothing is kept, and nothing takes time.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/software/frame_allocator.h"
#include "platforms/sharing_config.h"

namespace pagoda {

/// Counts the words that are written.
class CountedStore final : public ByteStore {
 public:
  explicit CountedStore(ByteStore& store) : store_(store) {}

  std::uint64_t read(Addr address) override { return store_.read(address); }
  void write(Addr address, std::uint64_t value) override {
    ++writes_;
    store_.write(address, value);
  }
  void clear(Addr address, std::uint64_t bytes) override { store_.clear(address, bytes); }
  std::uint64_t take_writes() { return std::exchange(writes_, 0); }

 private:
  ByteStore& store_;
  std::uint64_t writes_ = 0;
};

class PageGuard : public Module {
 public:
  tlm_utils::simple_initiator_socket<PageGuard> tables{"tables"};

  /// `requester`: the number of the IOMMU's own accesses. `order`: what software's order to drop something takes.
  /// Device ids from `devices` on have no access. Throws UserError if there is no room for tables.
  PageGuard(const sc_core::sc_module_name& name, const GuardConfig& config, std::uint32_t devices, Duration order,
            ByteStore& store, FrameAllocator& frames, std::uint32_t requester);

  /// To be asked about translated requests; null: nobody.
  TranslatedGuard* guard();
  /// For a validator: the tables of a device.
  void set_tables(std::uint32_t device, const Stage& stage);

  // What software writes. Pages by number.
  /// One more reference to the page, after which `all` may reach it. False: refused, and nothing has changed.
  bool give(TenantId tenant, const DeviceSet& devices, Addr page, const DeviceSet& all);
  /// One less.
  void take(TenantId tenant, const DeviceSet& devices, Addr page, const DeviceSet& all);
  /// Devices know the page as `input` from now on (nothing: not at all).
  void set_input(Addr page, std::optional<Addr> input);
  /// A device's page-table entry has changed.
  void entry_changed(Addr entry);
  /// Words written since the last time.
  std::uint64_t take_writes() { return store_.take_writes(); }

  /// Has everything dropped that has changed; waits until the guard decides nothing by older bytes any more.
  void invalidate();
  /// Devices, too, have forgotten what was changed before the last invalidate().
  void complete();

  std::uint64_t storage_bytes() const;
  /// Throws InvariantError unless tables and bookkeeping agree.
  void verify() const;

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  struct DevicePage {
    std::uint32_t device;
    Addr page;
  };

  void end_of_elaboration() override { below_.bind(*tables.operator->()); }
  Addr place(FrameAllocator& frames, std::uint64_t bytes) const;
  void write_rights(const DeviceSet& devices, Addr page, const DeviceSet& all);
  template <class Order>
  void order(Order what);
  void invalidate_bundles();

  const GuardConfig config_;
  const Duration order_;
  CountedStore store_;
  Downlink below_;
  GuardPort port_;
  BundleLayout bundle_layout_;
  PermissionLayout permission_layout_;
  ReverseLayout reverse_layout_;
  std::unique_ptr<BundleManager> manager_;
  std::unique_ptr<TableValidator> validator_;
  std::unique_ptr<BundleGuard> bundles_;
  std::unique_ptr<PermissionTableGuard> permissions_;

  std::vector<DevicePage> due_rights_;
  std::vector<Addr> due_inputs_;  // pages, of the validator's reverse table
  std::vector<Addr> due_entries_;
  InvalidationTicket ticket_ = 0;
  Ps done_ = 0;
  std::uint64_t orders_ = 0, most_bundles_ = 0;
};

}  // namespace pagoda
