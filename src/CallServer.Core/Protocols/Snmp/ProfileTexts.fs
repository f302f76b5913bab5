namespace CallServer.Protocols.Snmp

open System
open System.Reflection

/// The built-in profiles as they are written: the JSON that is compiled in.
module ProfileTexts =
    /// Where a gateway serves several, the first is taken: the fullest view of its connections.
    let names =
        [ "cisco-voice"
          "h3c-voice"
          "3com-voice"
          "avaya-rtp"
          "adtran-vqm"
          "adtran-rtp"
          "audiocodes"
          "freeswitch"
          "asterisk"
          "dial-control"
          "cisco-xgcp"
          "rtp-mib" ]

    let internal tryOctets (name: string) : byte[] option =
        if List.contains name names then
            let resource = $"snmp/profiles/{name}.json"
            use stream = Assembly.GetExecutingAssembly().GetManifestResourceStream resource

            if isNull stream then
                invalidOp $"no such resource: {resource}"

            let octets = Array.zeroCreate<byte> (int stream.Length)
            stream.ReadExactly(Span<byte> octets)
            Some octets
        else
            None

    /// The JSON of a built-in profile, comments and all.
    let tryText (name: string) : string option = tryOctets name |> Option.map Text.Encoding.UTF8.GetString
