namespace CallServer.Model

/// The RSVP service class: QosService of INT-SERV-MIB (RFC 2213), MGCP's `r:` (RFC 3435 §3.2.2.10).
type ServiceClass =
    /// `best-effort`
    | BestEffort
    /// `controlled-load`
    | ControlledLoad
    /// `guaranteed`
    | Guaranteed

    /// The name in lower case with a dash.
    override this.ToString() =
        match this with
        | BestEffort -> "best-effort"
        | ControlledLoad -> "controlled-load"
        | Guaranteed -> "guaranteed"

/// A connection's quality of service. Dscp is 0 to 63 (RFC 2474), Reported is what the gateway itself said.
/// What is not known is `ValueNone`.
[<Struct>]
type QualityOfService = { Dscp: int voption; Service: ServiceClass voption; Reported: string voption }

/// Makes a quality of service from what a gateway reports.
module QualityOfService =
    /// Nothing is known about it.
    let unknown: QualityOfService = { Dscp = ValueNone; Service = ValueNone; Reported = ValueNone }

    /// Whether anything is known about it.
    let isKnown (qos: QualityOfService) = qos.Dscp.IsSome || qos.Service.IsSome || qos.Reported.IsSome

    /// From a DSCP field. A value outside 0 to 63 is kept only as the gateway's words.
    let ofDscp (value: int) : QualityOfService =
        { unknown with
            Dscp = (if value >= 0 && value <= 63 then ValueSome value else ValueNone)
            Reported = ValueSome(string value) }

    /// From the whole type-of-service octet, whose upper six bits are the DSCP (RFC 2474 §3). Reported is the
    /// octet in two hex digits.
    let ofTypeOfService (octet: byte) : QualityOfService =
        { unknown with
            Dscp = ValueSome(int octet >>> 2)
            Reported = ValueSome(octet.ToString "x2") }

    /// From a service class and the gateway's words for it.
    let ofService (service: ServiceClass) (reported: string) : QualityOfService =
        { unknown with Service = ValueSome service; Reported = ValueSome reported }

    /// From words that state neither a DSCP nor a service class.
    let ofWords (words: string) : QualityOfService = { unknown with Reported = ValueSome words }

/// Reads a service class.
module ServiceClass =
    /// The class whose ToString gives this text; `None` for any other text.
    let tryParse (text: string) =
        match text with
        | "best-effort" -> Some BestEffort
        | "controlled-load" -> Some ControlledLoad
        | "guaranteed" -> Some Guaranteed
        | _ -> None
