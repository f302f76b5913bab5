namespace CallServer.Tests

open System
open CallServer.Ledger
open CallServer.Surface

/// What an audit asks its host to do, noted.
type Sent() =
    member val Messages = ResizeArray<byte[]>()
    member val Connects = 0 with get, set
    member val Result: AuditResult = null with get, set

    interface IExchangeSink<AuditResult> with
        member this.Send message = this.Messages.Add message
        member this.Reply message = this.Messages.Add message
        member this.Connect() = this.Connects <- this.Connects + 1
        member this.Write octets = this.Messages.Add octets
        member _.WakeAt _ = ()
        member this.Told result = this.Result <- result
        member this.Finished result = this.Result <- result

/// Parses gateways' URIs into targets.
module Asked =
    /// Parses a URI as a configuration would, with these secrets; every so many audits read all facts.
    let sparing
        (factsEvery: int)
        (secrets: GatewaySecrets)
        (gateway: string)
        (uri: string)
        (timeout: TimeSpan)
        (attempts: int)
        : AuditTarget =
        match GatewayProtocols.BuiltIn.TryParse uri with
        | true, read, _ ->
            for wrong in read.Check secrets do
                failwith $"{uri}: {wrong.Secret}: {wrong.Mistake}"

            GatewayProtocols.BuiltIn.Target(gateway, read, secrets, timeout, attempts, factsEvery)
        | false, _, mistakes -> failwith (String.concat "; " mistakes)

    /// The same, where every audit reads all facts.
    let withSecrets secrets gateway uri timeout attempts = sparing 1 secrets gateway uri timeout attempts

    /// How a protocol's connections are joined with those of others; nothing if there is no such protocol.
    let source (protocol: string) : SourceTraits voption = GatewayProtocols.BuiltIn.SourceOf protocol

    let by gateway uri timeout attempts = withSecrets GatewaySecrets.None gateway uri timeout attempts
