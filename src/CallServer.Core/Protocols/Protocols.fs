namespace CallServer.Protocols

open System
open CallServer.Protocols.Snmp
open CallServer.Protocols.Mgcp
open CallServer.Protocols.H248
open CallServer.Protocols.Ng
open CallServer.Protocols.Kamailio
open CallServer.Protocols.Esl
open CallServer.Protocols.Ari
open CallServer.Protocols.OpenSips
open CallServer.Protocols.Restconf
open CallServer.Protocols.Sip
open CallServer.Prelude

/// The protocols that gateways are asked in.
module internal Protocols =
    /// Those that come with the program. One more is one more line here, and its files in the project.
    let builtIn (profiles: (string * Lazy<Profile>)[]) : Protocol list =
        [ SnmpProtocol.create profiles
          MgcpProtocol.value
          H248Protocol.value
          SipProtocol.value
          NgProtocol.value
          KamailioProtocol.value
          EslProtocol.value
          AriProtocol.value
          OpenSipsProtocol.value
          RestconfProtocol.value ]

    let private schemes (protocols: Protocol list) : (string * (int * Protocol)) list =
        [ for protocol in protocols do
              for scheme, port in protocol.Schemes do
                  scheme, (port, protocol) ]

    let private tryScheme (protocols: Protocol list) (scheme: string) : (int * Protocol) option =
        let lower = scheme.ToLowerInvariant()
        schemes protocols |> List.tryFind (fst >> (=) lower) |> Option.map snd

    /// Whether the URIs of one of them begin so.
    let isScheme (protocols: Protocol list) (scheme: string) : bool = (tryScheme protocols scheme).IsSome

    /// Reads a gateway's URI; every mistake is named.
    let read
        (protocols: Protocol list)
        (text: string)
        : Result<struct (Protocol * GatewayText * Reading), string list> =
        let scheme =
            match text.IndexOf ':' with
            | at when at > 0 -> text.Substring(0, at)
            | _ -> ""

        match tryScheme protocols scheme with
        | Some(port, protocol) ->
            let uri = GatewayText(text, scheme.ToLowerInvariant(), port)

            match protocol.Read uri with
            | ValueSome reading when uri.Mistakes.Count = 0 -> Ok(struct (protocol, uri, reading))
            | ValueSome _
            | ValueNone -> Error(List.ofSeq uri.Mistakes)
        | None when scheme = "" -> Error [ "a gateway is a URI such as snmp://HOST" ]
        | None ->
            let names = schemes protocols |> List.map fst
            let known = String.concat ", " names
            Error [ $"'{scheme}' is no protocol known here{Nearest.hint scheme names}; known are {known}" ]
