namespace CallServer.Surface

open System
open System.Collections.Generic
open System.Net
open CallServer.Model
open CallServer.Audit
open CallServer.Wire

/// How to begin audits of MGCP gateways (RFC 3435). Throws ArgumentException at what the caller has not checked.
[<AbstractClass; Sealed>]
type MgcpTarget private () =
    /// An address stands in brackets (RFC 3435 §3.2.1.3).
    static let domainOf (host: string) : string =
        match IPAddress.TryParse(host.Trim('[', ']')) with
        | true, address -> $"[{address}]"
        | false, _ -> host

    static let patternOf (host: string) (text: string) : EndpointName =
        let full = if text.Contains '@' then text else $"{text}@{domainOf host}"

        match EndpointName.tryParse full with
        | Some name when not (EndpointName.isAnyOf name) && isNull (MgcpTarget.RangeMistake name.Local) ->
            name
        | Some _
        | None -> invalidArg "endpoints" $"neither an endpoint nor an all-of wildcard: {text}"

    /// What is wrong with the ranges of an endpoint's local name, such as `ds/ds1-[1-2]/[1-24]`; null where nothing
    /// is.
    static member RangeMistake(local: string) : string =
        match MgcpBulk.expand MgcpState.MaxEndpoints local with
        | Ok _ -> null
        | Error { Problem = TooManyEndpoints } -> $"stands for more than {MgcpState.MaxEndpoints} endpoints"
        | Error _ -> "has a range that cannot be read: [1-24] is expected, or [1-4,7]"

    /// `host` stands after the @ of patterns that have none. `endpoints` are patterns such as `*` or
    /// `aaln/*@gw1.example.net`. `verify` allows a modification without a change of each known connection where the
    /// gateway lists none. `version` is null, `0.1`, `ncs` or `tgcp`: how commands are written at first. A gateway
    /// that refuses is asked again in another version.
    static member Create
        (
            gateway: string,
            host: string,
            endpoints: IReadOnlyList<string>,
            verify: bool,
            version: string,
            timeout: TimeSpan,
            attempts: int
        ) : AuditTarget =
        AuditTarget.Check(timeout, attempts)

        let patterns = [ for text in endpoints -> patternOf host text ]

        if patterns.IsEmpty then
            invalidArg (nameof endpoints) "at least one endpoint or wildcard"

        let target: MgcpGateway =
            { Gateway = GatewayId.create gateway
              Patterns = List.distinct patterns
              Verify = verify
              Version =
                (match version with
                 | null -> Mgcp.Version
                 | "0.1" -> MgcpDialect.Old
                 | "ncs" -> MgcpDialect.Ncs
                 | "tgcp" -> MgcpDialect.Tgcp
                 | other -> invalidArg (nameof version) $"no such version of MGCP: {other}")
              Timeout = timeout
              Attempts = attempts }

        let audit =
            Machine.audits
                MgcpAudit.Memory.none
                (MgcpAudit.start target)
                MgcpAudit.advance
                MgcpAudit.memory
                MgcpAudit.strays
                (fun _ -> Load.ofDatagrams)

        let release (connection: ConnectionId) (given: AuditStart) =
            MgcpRelease.start target connection given
            |> Machine.ofRelease MgcpRelease.advance MgcpRelease.strays (fun _ -> Load.ofDatagrams) connection

        let controller (given: AuditStart) =
            MgcpController.start target given
            |> Machine.ofController MgcpController.advance MgcpController.strays

        AuditTarget(audit, None, Some release, controller = controller)
