// What passes between a device and its IOMMU beside reads and writes: PCIe Address Translation Services.
//
// Models: the messages of PCI Express Base Specification 5.0, chapter 10: translation requests (10.2), invalidation
// (10.3), page requests and their responses (10.4), as payloads with command TLM_IGNORE_COMMAND and this extension
// beside Attributes (requester, PASID, privilege). A message is one b_transport call: what it asks is answered in the
// extension when the call returns, and the delay covers the way there, the work, and the way of the answer back. The
// payload's address is the untranslated address; its response status is TLM_OK_RESPONSE for success,
// TLM_ADDRESS_ERROR_RESPONSE for an unsupported request and TLM_GENERIC_ERROR_RESPONSE for a completer abort; a device
// that does not answer leaves TLM_INCOMPLETE_RESPONSE. Does not model: translation requests for several pages,
// invalidation requests that are answered by several completions.
#pragma once

#include <cstdint>

#include <tlm>

#include "pagoda/base/access.h"
#include "pagoda/base/page_response.h"

namespace pagoda {

enum class AtsKind : std::uint8_t {
  translation_request,  ///< device to IOMMU; answered in `granted`
  page_request,         ///< device to IOMMU; a page_response follows some time after
  invalidation,         ///< IOMMU to device; the delay ends with the completion's arrival
  page_response         ///< IOMMU to device
};

/// What a translation request is granted: nothing, if neither readable nor writable.
struct AtsGrant {
  Addr address = 0;             ///< of the requested byte; what a translated request has to use
  std::uint8_t page_shift = 0;  ///< the translation holds for the aligned 2^page_shift bytes around it
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool untranslated_only = false;  ///< U: accesses must use the untranslated address
  bool global = false;             ///< for all processes of the device
};

struct AtsMessage : tlm::tlm_extension<AtsMessage> {
  AtsKind kind = AtsKind::translation_request;

  // A translation request.
  bool no_write = false;       ///< write permission is not wanted
  bool wants_execute = false;  ///< only with a PASID
  AtsGrant granted;

  // A page request and its response. A request that wants neither and is the last is a stop marker.
  bool wants_read = false;
  bool wants_write = false;
  bool last = false;        ///< of its group: the IOMMU answers the group
  std::uint16_t group = 0;  ///< 9 bits
  PageResponse response = PageResponse::success;

  // An invalidation: of the aligned 2^page_shift bytes around the payload's address.
  std::uint8_t page_shift = 12;
  bool all_processes = false;  ///< G: of every PASID

  tlm::tlm_extension_base* clone() const override { return new AtsMessage(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override { *this = static_cast<const AtsMessage&>(other); }
};

}  // namespace pagoda
