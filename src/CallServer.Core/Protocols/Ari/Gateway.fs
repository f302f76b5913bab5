namespace CallServer.Protocols.Ari

open System
open CallServer.Model
open CallServer.Wire

/// An Asterisk whose channels are audited by its REST Interface (res_ari).
type AriGateway =
    {
        Gateway: GatewayId
        /// What http.conf calls `prefix`, with the slash before it; empty where there is none.
        Prefix: string
        /// The user of ari.conf, and the password.
        Login: struct (string * Secret) voption
        /// How long the first attempt of a request waits for its answer. Each repeat waits half as long again.
        Timeout: TimeSpan
        /// How often a request is sent before it is given up; at least 1.
        Attempts: int
        /// Of how many channels an audit asks more than the list tells.
        Details: int
        /// Channels are asked when their CDR says that they were answered.
        AsksAnswers: bool
    }

/// What Asterisk is asked.
[<RequireQualifiedAccess>]
type internal AriQuestion =
    /// When it started.
    | Status
    | List
    /// Whether it has this channel, which its list lacks.
    | Channel of id: string
    | Statistics of id: string
    /// Its codec.
    | Format of id: string
    /// When it was answered.
    | Answer of id: string

    /// The path below `/ari`, and the query.
    member this.Target =
        let channel (id: string) = "/channels/" + Uri.EscapeDataString id

        let variable (id: string) (name: string) =
            channel id + "/variable?variable=" + Uri.EscapeDataString name

        match this with
        | Status -> "/asterisk/info?only=status"
        | List -> "/channels"
        | Channel id -> channel id
        | Statistics id -> channel id + "/rtp_statistics"
        | Format id -> variable id AriReplies.FormatVariable
        | Answer id -> variable id AriReplies.AnswerVariable

    override this.ToString() =
        match this with
        | Status -> "asterisk/info"
        | List -> "channels"
        | Channel _ -> "channels/ID"
        | Statistics _ -> "rtp_statistics"
        | Format _
        | Answer _ -> "variable"
