// The means of system software to learn which pages were written, beside a device's own log (device_log.h).
//
//   ProcessorFlags   dirty flags in its page tables: scanned and cleared, TLBs are shot down
//   ProcessorFaults  write protection: the first store to each page faults and is noted
//   IommuFlags       dirty flags in the tables of a device, which the IOMMU sets: scanned and cleared, IOTLB and the
//                    device's own translations are invalidated
//   AllPages         all that a device can write, each time: what is left without tracking
//   NotedPages       what software that carries out a device's writes itself has noted
#pragma once

#include <vector>

#include "pagoda/base/stats.h"
#include "pagoda/software/dirty_source.h"
#include "pagoda/software/guest_pages.h"
#include "pagoda/software/io_driver.h"
#include "pagoda/software/os.h"

namespace pagoda {

/// Adds the pages of an entry that translates 2^shift bytes from `first` on, as far as they are the guest's.
void add_pages(const GuestPages& pages, Addr first, unsigned shift, PageSet& dirty);

class ProcessorFlags final : public DirtySource {
 public:
  /// `per_entry`: software's time to look at an entry. `initiator`: whose TLB is flushed first, and who interrupts the
  /// others.
  ProcessorFlags(Os& os, SpaceId space, Processor& initiator, const GuestPages& pages, Duration per_entry)
      : os_(os), space_(space), initiator_(initiator), pages_(pages), per_entry_(per_entry) {}

  bool of_devices() const override { return false; }
  void begin() override;
  void collect(PageSet& dirty) override;
  void end() override {}

 private:
  Os& os_;
  SpaceId space_;
  Processor& initiator_;
  const GuestPages& pages_;
  Duration per_entry_;
};

class ProcessorFaults final : public DirtySource {
 public:
  ProcessorFaults(Os& os, SpaceId space, Processor& initiator, const GuestPages& pages, Duration per_entry);

  bool of_devices() const override { return false; }
  void begin() override;
  void collect(PageSet& dirty) override;
  void end() override;

 private:
  void protect(const std::vector<Addr>& pages);

  Os& os_;
  SpaceId space_;
  Processor& initiator_;
  const GuestPages& pages_;
  Duration per_entry_;
  bool noting_ = false;
  PageSet noted_;
  std::vector<Addr> unprotected_;
};

class IommuFlags final : public DirtySource {
 public:
  IommuFlags(IoDriver& driver, IoDomain& domain, const GuestPages& pages, Duration per_entry)
      : driver_(driver), domain_(domain), pages_(pages), per_entry_(per_entry) {}

  /// Only what devices can write is looked at.
  void add_range(Addr base, std::uint64_t bytes) { ranges_.add(base, bytes); }
  bool of_devices() const override { return true; }
  void begin() override;
  void collect(PageSet& dirty) override;
  void end() override {}

 private:
  IoDriver& driver_;
  IoDomain& domain_;
  const GuestPages& pages_;
  Duration per_entry_;
  GuestPages ranges_;
};

class AllPages final : public DirtySource {
 public:
  explicit AllPages(const GuestPages& pages) : pages_(pages) {}

  void add_range(Addr base, std::uint64_t bytes) { ranges_.add(base, bytes); }
  bool of_devices() const override { return true; }
  void begin() override {}
  void collect(PageSet& dirty) override;
  void end() override {}

 private:
  const GuestPages& pages_;
  GuestPages ranges_;
};

class NotedPages final : public DirtySource {
 public:
  explicit NotedPages(const GuestPages& pages) : pages_(pages), noted_(pages.count()) {}

  /// Software has written to the page on a device's behalf.
  void note(std::uint64_t page) { noted_.insert(page); }
  bool of_devices() const override { return true; }
  void begin() override { noted_ = PageSet(pages_.count()); }
  void collect(PageSet& dirty) override;
  void end() override {}

 private:
  const GuestPages& pages_;
  PageSet noted_;
};

}  // namespace pagoda
