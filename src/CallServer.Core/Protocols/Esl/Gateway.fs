namespace CallServer.Protocols.Esl

open System
open CallServer.Model
open CallServer.Wire

/// What names the call of a channel.
[<RequireQualifiedAccess>]
type EslCallName =
    /// FreeSWITCH's own name, which both legs of a bridged call have.
    | CallUuid
    /// SIP's Call-ID of the leg, which the proxies along its way have.
    | SipCallId

/// A FreeSWITCH whose channels are audited by its event socket.
[<NoComparison; NoEquality>]
type EslGateway =
    {
        Gateway: GatewayId
        Password: byte[]
        CallName: EslCallName
        /// How long the first attempt of a request would wait for its answer. Over a stream a request is sent once, and waits for as long as all
        /// attempts would.
        Timeout: TimeSpan
        Attempts: int
        /// Every audit of this number at least asks about all channels; 1: each does.
        FactsEvery: int
    }

    override this.ToString() = string this.Gateway

/// What FreeSWITCH is asked.
[<RequireQualifiedAccess>]
type internal EslQuestion =
    /// The name of this run.
    | CoreUuid
    /// What its clock shows (mod_dptools).
    | Clock
    /// Its count of sessions, their total, and its up-time.
    | Status
    | List
    /// What its core knows of one channel.
    | Channel of uuid: string
    /// Whether its core has this channel.
    | Exists of uuid: string

    /// The API command, as it is sent.
    override this.ToString() =
        match this with
        | CoreUuid -> "global_getvar core_uuid"
        | Clock -> "strmicroepoch"
        | Status -> EslReplies.question "status" []
        | List -> "show channels as json"
        // Not mediaStats: that writes some forty variables into the channel at each question.
        | Channel uuid -> EslReplies.question "channelData" [ "uuid", uuid ]
        | Exists uuid -> $"uuid_exists {uuid}"
