// How an MMU passes on what it has translated: as requests for time alone, or as payloads.
#pragma once

#include <utility>

#include "pagoda/base/downlink.h"
#include "pagoda/base/payload_part.h"

namespace pagoda {

/// A part of a request that lies within one page.
struct TranslatedPiece {
  Ps at = 0;  ///< when its translation is known
  Addr physical = 0;
  unsigned offset = 0;
  unsigned length = 0;
  unsigned page_shift = 0;
  bool uncached = false;
};

class TimedSender {
 public:
  explicit TimedSender(Downlink& below) : below_(below) {}

  TimedAnswer operator()(TimedRequest& request, const TranslatedPiece& piece) const {
    request.address = piece.physical;
    request.bytes = piece.length;
    request.info.uncached = piece.uncached;
    return below_.access(request, piece.at);
  }

 private:
  Downlink& below_;
};

/// Sends the payload itself if it is in one piece, else a payload for each piece.
class PayloadSender {
 public:
  PayloadSender(tlm::tlm_generic_payload& payload, Attributes& attributes, Downlink& below)
      : payload_(payload), attributes_(attributes), below_(below) {}

  TimedAnswer operator()(TimedRequest& request, const TranslatedPiece& piece) {
    if (piece.length < request.bytes) return send_part(request, piece);
    // Only what a translation may change: to copy all of it and back costs more than the look-up of a TLB.
    const auto asid = std::exchange(attributes_.asid, request.info.asid);
    const auto vmid = std::exchange(attributes_.vmid, request.info.vmid);
    const auto access = std::exchange(attributes_.access, request.info.access);
    const auto uncached = std::exchange(attributes_.uncached, piece.uncached);
    const Addr address = payload_.get_address();
    payload_.set_address(piece.physical);
    sc_core::sc_time delay = delay_until(piece.at);
    below_->b_transport(payload_, delay);
    payload_.set_address(address);
    attributes_.asid = asid;
    attributes_.vmid = vmid;
    attributes_.access = access;
    attributes_.uncached = uncached;
    return {local_time(delay), payload_.get_response_status()};
  }

 private:
  TimedAnswer send_part(const TimedRequest& request, const TranslatedPiece& piece) {
    // A stream that wraps inside a page and one that leaves it cannot both be meant.
    if (!PayloadPart::possible(payload_)) return {piece.at, tlm::TLM_BURST_ERROR_RESPONSE};
    PayloadPart part(payload_, attributes_, piece.offset, piece.length, piece.physical);
    part->attributes.info() = request.info;
    part->attributes.uncached = piece.uncached;
    sc_core::sc_time delay = delay_until(piece.at);
    below_->b_transport(part->payload, delay);
    *request.time += part->attributes.time;
    return {local_time(delay), part->payload.get_response_status()};
  }

  tlm::tlm_generic_payload& payload_;
  Attributes& attributes_;
  Downlink& below_;
};

}  // namespace pagoda
