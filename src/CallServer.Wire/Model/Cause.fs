namespace CallServer.Model

/// Why a call was cleared: the names that billing knows for the values of ITU-T Q.850.
module Cause =
    let private names =
        Map.ofList
            [ 1, "UNALLOCATED_NUMBER"
              2, "NO_ROUTE_TRANSIT_NET"
              3, "NO_ROUTE_DESTINATION"
              6, "CHANNEL_UNACCEPTABLE"
              7, "CALL_AWARDED_DELIVERED"
              16, "NORMAL_CLEARING"
              17, "USER_BUSY"
              18, "NO_USER_RESPONSE"
              19, "NO_ANSWER"
              20, "SUBSCRIBER_ABSENT"
              21, "CALL_REJECTED"
              22, "NUMBER_CHANGED"
              25, "EXCHANGE_ROUTING_ERROR"
              27, "DESTINATION_OUT_OF_ORDER"
              28, "INVALID_NUMBER_FORMAT"
              29, "FACILITY_REJECTED"
              30, "RESPONSE_TO_STATUS_ENQUIRY"
              31, "NORMAL_UNSPECIFIED"
              34, "NORMAL_CIRCUIT_CONGESTION"
              38, "NETWORK_OUT_OF_ORDER"
              41, "NORMAL_TEMPORARY_FAILURE"
              42, "SWITCH_CONGESTION"
              43, "ACCESS_INFO_DISCARDED"
              44, "REQUESTED_CHAN_UNAVAIL"
              50, "FACILITY_NOT_SUBSCRIBED"
              52, "OUTGOING_CALL_BARRED"
              54, "INCOMING_CALL_BARRED"
              57, "BEARERCAPABILITY_NOTAUTH"
              58, "BEARERCAPABILITY_NOTAVAIL"
              63, "SERVICE_UNAVAILABLE"
              65, "BEARERCAPABILITY_NOTIMPL"
              66, "CHAN_NOT_IMPLEMENTED"
              69, "FACILITY_NOT_IMPLEMENTED"
              79, "SERVICE_NOT_IMPLEMENTED"
              81, "INVALID_CALL_REFERENCE"
              88, "INCOMPATIBLE_DESTINATION"
              95, "INVALID_MSG_UNSPECIFIED"
              96, "MANDATORY_IE_MISSING"
              97, "MESSAGE_TYPE_NONEXIST"
              98, "WRONG_MESSAGE"
              99, "IE_NONEXIST"
              100, "INVALID_IE_CONTENTS"
              101, "WRONG_CALL_STATE"
              102, "RECOVERY_ON_TIMER_EXPIRE"
              103, "MANDATORY_IE_LENGTH_ERROR"
              111, "PROTOCOL_ERROR"
              127, "INTERWORKING" ]

    /// The name of a Q.850 value from 1 to 127; `Q850_N` for a value N without a name.
    let name (value: int) : string =
        match Map.tryFind value names with
        | Some name -> name
        | None -> $"Q850_{value}"

    /// The name of a cause as gateways store it: the value alone, or the octets of Q.931's information
    /// element (section 4.5.12), where the value follows the location. Empty if the octets hold no cause.
    let ofOctets (octets: byte[]) : string =
        // Some gateways write the value as a number of four octets.
        let octets = octets |> Array.skipWhile (fun octet -> octet = 0uy)

        let value =
            match octets with
            | [||] -> 0
            | [| value |] -> int value &&& 0x7F
            // Octet 3a follows octet 3 if the extension bit of octet 3 is clear.
            | _ when octets[0] &&& 0x80uy = 0uy && octets.Length > 2 -> int octets[2] &&& 0x7F
            | _ -> int octets[1] &&& 0x7F

        if value = 0 then "" else name value
