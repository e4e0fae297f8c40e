// What software is told: RISC-V trap registers and the x86 page-fault error code. EPT and Arm have their own files.
#include "pagoda/paging/fault_encoding.h"

#include <gtest/gtest.h>

namespace pagoda::fault_encoding_test {

// RISC-V Privileged Architecture, table of exception codes: 1/5/7 access faults, 12/13/15 page faults, 20/21/23
// guest-page faults for fetches, loads and stores; 19 hardware error.
TEST(RiscvTrap, CausesFollowAccessAndStage) {
  struct Case {
    AccessKind access;
    unsigned access_fault, page_fault, guest_page_fault;
  };
  for (const Case& test :
       {Case{AccessKind::fetch, 1, 12, 20}, Case{AccessKind::read, 5, 13, 21}, Case{AccessKind::write, 7, 15, 23}}) {
    Fault fault{.cause = FaultCause::permission, .access = test.access, .virtual_address = 0x1234};
    EXPECT_EQ(riscv_trap(fault).cause, test.page_fault);
    EXPECT_EQ(riscv_trap(fault).tval, 0x1234U);
    EXPECT_EQ(riscv_trap(fault).tval2, 0U);
    fault.stage = 1;
    fault.stage_address = 0x8000'0abc;
    EXPECT_EQ(riscv_trap(fault).cause, test.guest_page_fault);
    EXPECT_EQ(riscv_trap(fault).tval2, 0x8000'0abcU >> 2);
    fault.cause = FaultCause::access_error;
    EXPECT_EQ(riscv_trap(fault).cause, test.access_fault);
    EXPECT_EQ(riscv_trap(fault).tval2, 0U);
    fault.cause = FaultCause::poison;
    EXPECT_EQ(riscv_trap(fault).cause, 19U);
  }
  EXPECT_EQ(riscv_trap({}).cause, 0U);
}

// "Pseudoinstructions for guest-page faults on VS-stage tables": 0x00003000 for a 64-bit read, 0x00003020 for a write.
TEST(RiscvTrap, ImplicitAccessesHaveAPseudoinstruction) {
  Fault fault{.cause = FaultCause::not_present, .stage = 1};
  EXPECT_EQ(riscv_trap(fault).tinst, 0U);
  fault.table = TableAccess::read;
  EXPECT_EQ(riscv_trap(fault).tinst, 0x3000U);
  fault.table = TableAccess::write;
  EXPECT_EQ(riscv_trap(fault).tinst, 0x3020U);
}

// Every cause that is a property of the entries folds into a page fault.
TEST(RiscvTrap, AllEntryCausesArePageFaults) {
  for (const FaultCause cause :
       {FaultCause::non_canonical, FaultCause::not_present, FaultCause::reserved_bits, FaultCause::misaligned_superpage,
        FaultCause::permission, FaultCause::access_flag, FaultCause::dirty_flag}) {
    EXPECT_EQ(riscv_trap({.cause = cause}).cause, 13U);
  }
}

// SDM vol. 3A 4.7, figure 4-12: bit 0 P, 1 W/R, 2 U/S, 3 RSVD, 4 I/D; I/D only with SMEP, or NXE and PAE.
TEST(X86Exception, ErrorCodeBits) {
  struct Case {
    FaultCause cause;
    AccessKind access;
    Privilege privilege;
    bool nxe, smep;
    unsigned error_code;
  };
  constexpr auto kUser = Privilege::user;
  constexpr auto kSupervisor = Privilege::supervisor;
  for (const Case& test : {Case{FaultCause::not_present, AccessKind::read, kSupervisor, true, false, 0x00},
                           Case{FaultCause::not_present, AccessKind::write, kUser, true, false, 0x06},
                           Case{FaultCause::permission, AccessKind::write, kSupervisor, true, false, 0x03},
                           Case{FaultCause::permission, AccessKind::read, kUser, true, false, 0x05},
                           Case{FaultCause::permission, AccessKind::fetch, kUser, true, false, 0x15},
                           Case{FaultCause::permission, AccessKind::fetch, kUser, false, false, 0x05},
                           Case{FaultCause::permission, AccessKind::fetch, kSupervisor, false, true, 0x11},
                           Case{FaultCause::reserved_bits, AccessKind::read, kSupervisor, true, false, 0x09},
                           Case{FaultCause::reserved_bits, AccessKind::write, kUser, true, false, 0x0f},
                           Case{FaultCause::not_present, AccessKind::fetch, kUser, true, true, 0x14}}) {
    const X86Exception exception =
        x86_exception({.cause = test.cause, .access = test.access, .privilege = test.privilege},
                      {.nxe = test.nxe, .smep = test.smep});
    EXPECT_EQ(exception.vector, 14);
    EXPECT_EQ(exception.error_code, test.error_code);
  }
}

TEST(X86Exception, OtherVectors) {
  EXPECT_EQ(x86_exception({.cause = FaultCause::non_canonical}, {}).vector, 13);
  EXPECT_EQ(x86_exception({.cause = FaultCause::access_error}, {}).vector, 18);
  EXPECT_EQ(x86_exception({}, {}).vector, 0);
}

}  // namespace pagoda::fault_encoding_test
