namespace CallServer.Gateway

open CallServer.Wire

/// Describes the media of connections of the table (RFC 8866).
module internal SimSession =
    let private describe (connection: SimConnection) (host: uint32) (port: int) : string =
        let host = SimConnection.hostText host
        let payload = string (SimCodec.offeredType connection.Codec)
        let struct (period, _) = SimCodec.packet connection.Codec

        let media: SdpMedia =
            { Kind = "audio"
              Port = port
              Protocol = "RTP/AVP"
              Formats = [| payload; "101" |]
              Host = ValueNone
              RtpMaps =
                [| if (SimCodec.payloadType connection.Codec).IsNone then
                       yield struct (payload, $"{SimCodec.name connection.Codec}/8000")
                   yield struct ("101", "telephone-event/8000") |]
              FormatParameters = [| struct ("101", "0-15") |]
              PacketTime = ValueSome period
              Direction = ValueNone }

        Sdp.encode
            { Sdp.absent with
                Origin = $"- {connection.Serial + 1L} 1 IN IP4 {host}"
                Name = "-"
                Host = ValueSome host
                Media = [| media |] }

    let local (connection: SimConnection) : string =
        describe connection connection.LocalHost connection.LocalPort

    let remote (connection: SimConnection) : string =
        describe connection connection.RemoteHost connection.RemotePort
