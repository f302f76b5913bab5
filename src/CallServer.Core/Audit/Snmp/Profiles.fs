namespace CallServer.Audit

open System
open System.Reflection
open CallServer.Prelude

/// The profiles that come with the product, from the JSON that is compiled in.
module Profiles =
    /// Where a gateway serves several, the first is taken: the fullest view of its connections.
    let names =
        [ "cisco-voice"
          "avaya-rtp"
          "adtran-vqm"
          "freeswitch"
          "asterisk"
          "dial-control"
          "cisco-xgcp"
          "rtp-mib" ]

    let private octets (name: string) : byte[] =
        let resource = $"CallServer.Audit.Snmp.Profiles.{name}.json"
        use stream = Assembly.GetExecutingAssembly().GetManifestResourceStream resource

        if isNull stream then
            invalidOp $"no such resource: {resource}"

        let octets = Array.zeroCreate<byte> (int stream.Length)
        stream.ReadExactly(Span<byte> octets)
        octets

    let private load (name: string) : Profile =
        match Json.parseOctets (octets name) |> Result.bind (ProfileJson.read name) with
        | Ok profile -> profile
        | Error mistakes ->
            let text = String.Join("; ", mistakes)
            invalidOp $"built-in profile {name}: {text}"

    /// The JSON of a built-in profile, comments and all.
    let tryText (name: string) : string option =
        if List.contains name names then
            Some(Text.Encoding.UTF8.GetString(octets name))
        else
            None

    /// In the order of preference.
    let builtIn: Lazy<Profile[]> = lazy (names |> List.map load |> List.toArray)

    let tryFind (name: string) : Profile option =
        builtIn.Value |> Array.tryFind (fun profile -> profile.Name = name)
