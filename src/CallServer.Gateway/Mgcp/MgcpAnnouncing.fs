namespace CallServer.Gateway

open System
open System.Net
open CallServer.Model
open CallServer.Wire

/// Sends RSIP: what a gateway tells its call agent unasked (RFC 3435 §2.3.12).
module internal MgcpAnnouncing =
    /// How often a final response or an RSIP is sent at most: Max2 (RFC 3435 §4.3).
    [<Literal>]
    let MostSent = 7

    /// RTO-MAX (RFC 3435 §4.3).
    let private longestInterval = TimeSpan.FromSeconds 4.0

    let private firstInterval = TimeSpan.FromMilliseconds 500.0

    /// Adds an RSIP with this restart method, due at this instant.
    let announce (method: string) (due: Instant) (state: MgcpState) : MgcpState =
        match state.Options.CallAgent with
        | ValueNone -> state
        | ValueSome agent ->
            { state with
                NextTransaction = state.NextTransaction % Mgcp.MaxTransaction + 1
                Announcements =
                    { Transaction = state.NextTransaction
                      Method = method
                      To = agent
                      Due = due
                      Interval = firstInterval
                      Sent = 0 }
                    :: state.Announcements }

    /// Turns `ca@[192.0.2.1]:2727` into HOST:PORT, with the call agents' default port if none is stated (RFC 3435 §3.2.1.3).
    let private entityAddress (entity: string) : string voption =
        let host = entity.Substring(entity.LastIndexOf '@' + 1).Trim()
        let colon = host.LastIndexOf ':'
        let closing = host.LastIndexOf ']'

        let address, port =
            if colon > closing then
                host.Substring(0, colon), host.Substring(colon + 1)
            else
                host, "2727"

        match IPAddress.TryParse(address.Trim('[', ']')), Int32.TryParse port with
        | (true, address), (true, port) when port > 0 && port <= 65535 -> ValueSome $"{address}:{port}"
        | _ -> ValueNone

    /// Takes in a response to an RSIP. The RSIP is not sent again, except after 521, which says where to send it instead.
    let answered (now: Instant) (response: MgcpResponse) (state: MgcpState) : MgcpState =
        let mine, others =
            state.Announcements
            |> List.partition (fun announcement -> announcement.Transaction = response.Transaction)

        let elsewhere =
            match mine, MgcpParameter.tryFind "N" response.Parameters with
            | [ announcement ], ValueSome entity when response.Code = 521 ->
                entityAddress entity
                |> ValueOption.filter (fun address -> address <> announcement.To)
                |> ValueOption.map (fun address ->
                    { announcement with
                        Transaction = state.NextTransaction
                        To = address
                        Due = now
                        Interval = firstInterval })
            | _ -> ValueNone

        match elsewhere with
        | ValueSome announcement ->
            { state with
                Announcements = announcement :: others
                NextTransaction = state.NextTransaction % Mgcp.MaxTransaction + 1 }
        | ValueNone -> { state with Announcements = others }

    /// Writes an RSIP for all endpoints.
    let private rsip (announcement: Announcement) (options: MgcpOptions) (down: TimeSpan) : byte[] =
        let command =
            Mgcp.command
                MgcpVerb.RestartInProgress
                announcement.Transaction
                { Local = "*"; Domain = options.Domain }
                [ MgcpParameter.create "RM" announcement.Method
                  MgcpParameter.create
                      "RD"
                      (if announcement.Method = "disconnected" then
                           string (int64 down.TotalSeconds)
                       else
                           "0") ]

        let version = options.Vices.Speaks |> ValueOption.defaultValue command.Version
        Mgcp.encode (MgcpMessage.Command { command with Version = version })

    /// Sends what is due, and schedules the repetition in case it is not answered.
    let due (now: Instant) (state: MgcpState) : struct (MgcpState * ResponderCommand list) =
        let due, later = state.Announcements |> List.partition (fun announcement -> announcement.Due <= now)

        let again (announcement: Announcement) =
            { announcement with
                Due = now + announcement.Interval
                Interval = min longestInterval (2.0 * announcement.Interval)
                Sent = announcement.Sent + 1 }

        struct ({ state with
                    Announcements =
                        later
                        @ (due
                           |> List.map again
                           |> List.filter (fun announcement -> announcement.Sent < MostSent)) },
                [ for announcement in due do
                      yield
                          SendTo(
                              announcement.To,
                              TimeSpan.Zero,
                              rsip announcement state.Options (now - state.Began)
                          ) ])
