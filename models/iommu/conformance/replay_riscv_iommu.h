// Replays vector files of the kind `riscv-iommu vectors v1` through translate().
//
// Every vector is compared with the specification. Known departures of the reference, which count as passed and are
// told apart in the summary: it answers with a part of a page where the device's MSIs are translated or the page is
// NAPOT, it cuts addresses of memory-resident interrupt files to 47 bits, and it adds the request's page offset to the
// address of a notice MSI.
#pragma once

#include <functional>
#include <memory>

#include "pagoda/iommu/iommu_translator.h"
#include "pagoda/paging/conformance/replay.h"

namespace pagoda {

/// An IOMMU that vectors are put to.
class IommuUnderTest {
 public:
  struct Registers {
    IommuCapabilities capabilities;
    std::uint32_t fctl = 0;
    std::uint64_t ddtp = 0;
    bool guest_32bit_writable = false;
    bool big_endian_writable = false;
  };
  struct Result {
    IommuAnswer answer;
    std::uint64_t reads = 0;
  };

  virtual ~IommuUnderTest() = default;
  /// A new section. What it cannot be, or null.
  virtual const char* configure(const Registers& registers) = 0;
  virtual Result perform(const IommuRequest& request, VectorMemory& memory) = 0;
  /// Whether it keeps what it has learned for later requests: then every vector is put to it twice, and takes at most
  /// the reads that are expected.
  virtual bool keeps() const { return false; }
  virtual void forget() {}
};

VectorKind riscv_iommu_kind(std::function<std::unique_ptr<IommuUnderTest>()> make);

/// Those of the CPU and that of the IOMMU.
std::span<const VectorKind> all_vector_kinds();

}  // namespace pagoda
