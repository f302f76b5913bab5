namespace CallServer.Protocols

open System
open CallServer.Protocols.Snmp
open CallServer.Protocols.Mgcp
open CallServer.Protocols.Ng
open CallServer.Protocols.Kamailio
open CallServer.Protocols.Sip
open CallServer.Prelude

/// The protocols that gateways are asked in.
module internal Protocols =
    /// Those that come with the program. One more is one more line here, and its files in the project.
    let builtIn (profiles: (string * Lazy<Profile>)[]) : Protocol list =
        [ SnmpProtocol.create profiles
          MgcpProtocol.value
          SipProtocol.value
          NgProtocol.value
          KamailioProtocol.value ]

    let private schemes (protocols: Protocol list) : (string * (int * Protocol)) list =
        [ for protocol in protocols do
              for scheme, port in protocol.Schemes do
                  scheme, (port, protocol) ]

    /// Reads a gateway's URI; every mistake is named.
    let read
        (protocols: Protocol list)
        (text: string)
        : Result<struct (Protocol * GatewayText * Reading), string list> =
        let schemes = schemes protocols

        let scheme =
            match text.IndexOf ':' with
            | at when at > 0 -> text.Substring(0, at)
            | _ -> ""

        let lower = scheme.ToLowerInvariant()

        match List.tryFind (fst >> (=) lower) schemes with
        | Some(_, (port, protocol)) ->
            let uri = GatewayText(text, lower, port)

            match protocol.Read uri with
            | ValueSome reading when uri.Mistakes.Count = 0 -> Ok(struct (protocol, uri, reading))
            | ValueSome _
            | ValueNone -> Error(List.ofSeq uri.Mistakes)
        | None when scheme = "" -> Error [ "a gateway is a URI such as snmp://HOST" ]
        | None ->
            let names = List.map fst schemes
            let known = String.concat ", " names
            Error [ $"'{scheme}' is no protocol known here{Nearest.hint scheme names}; known are {known}" ]
