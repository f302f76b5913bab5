namespace CallServer.Wire

open System.Text.Json

/// One call leg of `active-voip-call-details` (Cisco-IOS-XE-voice-oper 1.3.0). A text is empty, and a number ValueNone, where it is not told.
type VoiceLeg =
    {
        /// `call-id`: the leg's number, unique while the gateway runs.
        CallId: int64
        /// `call-setuptime`: part of the list's key.
        Setup: YangTime voption
        /// `bridge-id`: the same for all legs of a call.
        Bridge: int64 voption
        /// `peer-id`: the tag of the dial peer.
        Peer: int64 voption
        /// `incoming-leg`, `outgoing-leg` or `unknown-leg`.
        Direction: string
        /// `directory-number`: who calls on an incoming leg, and who is called on an outgoing one.
        Number: string
        /// `connecting-state`, `connected-state`, `active-state` or `unknown-state`.
        State: string
        /// `call-duration`, in milliseconds.
        Duration: int64 voption
        RemoteHost: string
        RemotePort: int64 voption
        /// `voip-codec-g711ulaw` and the like.
        Codec: string
    }

/// When the device was started, and what its clock shows (`device-system-data` of Cisco-IOS-XE-device-hardware-oper).
[<Struct>]
type DeviceTimes = { Current: YangTime; Booted: YangTime }

/// Reads what IOS-XE answers over RESTCONF (RFC 8040) in JSON (RFC 7951): the node that was asked for is the only member of the reply, named
/// with its module. Numbers are taken in either form that RFC 7951 section 6.1 has.
module RestconfReplies =
    [<Literal>]
    let private Summary = "Cisco-IOS-XE-voice-oper:active-voip-call-summary"

    [<Literal>]
    let private System = "Cisco-IOS-XE-device-hardware-oper:device-system-data"

    let private nobody: VoiceLeg =
        { CallId = -1L
          Setup = ValueNone
          Bridge = ValueNone
          Peer = ValueNone
          Direction = ""
          Number = ""
          State = ""
          Duration = ValueNone
          RemoteHost = ""
          RemotePort = ValueNone
          Codec = "" }

    /// The leg whose beginning the reader has just read; nothing where it lacks its number.
    let private readLeg (reader: byref<Utf8JsonReader>) : VoiceLeg voption =
        let mutable leg = nobody

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            if reader.ValueTextEquals "call-id" then
                reader.Read() |> ignore
                leg <- { leg with CallId = JsonView.numberAt &reader |> ValueOption.defaultValue -1L }
            elif reader.ValueTextEquals "call-setuptime" then
                reader.Read() |> ignore
                leg <- { leg with Setup = YangTime.tryParse (JsonView.textOrEmpty &reader) }
            elif reader.ValueTextEquals "bridge-id" then
                reader.Read() |> ignore
                leg <- { leg with Bridge = JsonView.numberAt &reader }
            elif reader.ValueTextEquals "peer-id" then
                reader.Read() |> ignore
                leg <- { leg with Peer = JsonView.numberAt &reader }
            elif reader.ValueTextEquals "direction" then
                reader.Read() |> ignore
                leg <- { leg with Direction = JsonView.textOrEmpty &reader }
            elif reader.ValueTextEquals "directory-number" then
                reader.Read() |> ignore
                leg <- { leg with Number = JsonView.textOrEmpty &reader }
            elif reader.ValueTextEquals "call-state" then
                reader.Read() |> ignore
                leg <- { leg with State = JsonView.textOrEmpty &reader }
            elif reader.ValueTextEquals "call-duration" then
                reader.Read() |> ignore
                leg <- { leg with Duration = JsonView.numberAt &reader }
            elif reader.ValueTextEquals "remote-ip-address" then
                reader.Read() |> ignore
                leg <- { leg with RemoteHost = JsonView.textOrEmpty &reader }
            elif reader.ValueTextEquals "remote-media-port" then
                reader.Read() |> ignore
                leg <- { leg with RemotePort = JsonView.numberAt &reader }
            elif reader.ValueTextEquals "codec" then
                reader.Read() |> ignore
                leg <- { leg with Codec = JsonView.textOrEmpty &reader }
            else
                reader.Read() |> ignore

            // Of what is not read here, or is not what it should be.
            reader.Skip()

        if leg.CallId >= 0L then ValueSome leg else ValueNone

    /// How many legs there are, by the gateway's own count; nothing where the reply does not tell.
    let readTotal (body: JsonView) : int64 voption =
        JsonView.tryMember Summary body
        |> ValueOption.bind (JsonView.tryNumber "total-call-legs")
        |> ValueOption.filter (fun total -> total >= 0L)

    /// Takes the legs of a reply in order, and counts those that cannot be read; nothing where it is no such reply, or has no end. A list that is
    /// not there is empty.
    let foldLegs
        (take: 'State -> VoiceLeg -> 'State)
        (state: 'State)
        (body: JsonView)
        : struct ('State * int) voption =
        JsonView.tryMember Summary body
        |> ValueOption.bind (fun summary ->
            match JsonView.tryMember "active-voip-call-details" summary with
            | ValueSome legs ->
                JsonView.foldObjects (JsonObjectReader(fun reader -> readLeg &reader)) take state legs
            | ValueNone -> ValueSome(struct (state, 0)))

    /// Reads the reply about the device; nothing without its two times.
    let readTimes (body: JsonView) : DeviceTimes voption =
        let time name system = JsonView.tryText name system |> ValueOption.bind YangTime.tryParse

        JsonView.tryMember System body
        |> ValueOption.bind (fun system ->
            match time "current-time" system, time "boot-time" system with
            | ValueSome current, ValueSome booted -> ValueSome { Current = current; Booted = booted }
            | _ -> ValueNone)

    /// Why a request was refused (RFC 8040 section 7.1): the words of the first error, or else its tag. Servers of before the RFC leave out the
    /// module's name.
    let readError (body: JsonView) : string voption =
        JsonView.tryMember "ietf-restconf:errors" body
        |> ValueOption.orElseWith (fun () -> JsonView.tryMember "errors" body)
        |> ValueOption.bind (JsonView.tryMember "error")
        |> ValueOption.bind (fun errors ->
            match JsonView.items 1 errors with
            | [| first |] ->
                JsonView.tryText "error-message" first
                |> ValueOption.orElseWith (fun () -> JsonView.tryText "error-tag" first)
            | _ -> ValueNone)
