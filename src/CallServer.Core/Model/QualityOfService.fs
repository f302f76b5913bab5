namespace CallServer.Model

/// The RSVP service class: QosService of INT-SERV-MIB (RFC 2213), MGCP's `r:` (RFC 3435 §3.2.2.10).
type ServiceClass =
    | BestEffort
    | ControlledLoad
    | Guaranteed

    override this.ToString() =
        match this with
        | BestEffort -> "best-effort"
        | ControlledLoad -> "controlled-load"
        | Guaranteed -> "guaranteed"

/// A connection's Quality of Service setting. Dscp is 0 to 63 (RFC 2474); Reported is what the gateway itself said.
[<Struct>]
type QualityOfService = { Dscp: int voption; Service: ServiceClass voption; Reported: string voption }

module QualityOfService =
    let unknown: QualityOfService = { Dscp = ValueNone; Service = ValueNone; Reported = ValueNone }

    let isKnown (qos: QualityOfService) = qos <> unknown

    /// From a DSCP field; what is not 0..63 stays as the gateway's words.
    let ofDscp (value: int) : QualityOfService =
        { unknown with
            Dscp = (if value >= 0 && value <= 63 then ValueSome value else ValueNone)
            Reported = ValueSome(string value) }

    /// From the whole type-of-service octet, whose upper six bits are the DSCP (RFC 2474 §3).
    let ofTypeOfService (octet: byte) : QualityOfService =
        { unknown with
            Dscp = ValueSome(int octet >>> 2)
            Reported = ValueSome(octet.ToString "x2") }

    let ofService (service: ServiceClass) (reported: string) : QualityOfService =
        { unknown with Service = ValueSome service; Reported = ValueSome reported }

    let ofWords (words: string) : QualityOfService = { unknown with Reported = ValueSome words }

module ServiceClass =
    let tryParse (text: string) =
        match text with
        | "best-effort" -> Some BestEffort
        | "controlled-load" -> Some ControlledLoad
        | "guaranteed" -> Some Guaranteed
        | _ -> None
