namespace CallServer.Model

open System.Globalization
open System.Net

/// Where media is sent to or received from: an IP address in canonical text, and a port from 0 to 65535. Port
/// 0 means that the port is not known.
[<Struct>]
type MediaAddress =
    { Host: string
      Port: int }

    /// `a.b.c.d:port`, or `[v6]:port`.
    override this.ToString() =
        // Every connection has some of these, and an interpolated string would be formatted as sprintf does, slowly.
        if this.Host.Contains ':' then
            "[" + this.Host + "]:" + string this.Port
        else
            this.Host + ":" + string this.Port

/// Reads media addresses.
module MediaAddress =
    /// From the 4 or 16 octets of an address and a port from 0 to 65535; `None` for anything else.
    let ofOctets (octets: byte[]) (port: int) : MediaAddress option =
        if (octets.Length = 4 || octets.Length = 16) && port >= 0 && port <= 65535 then
            Some { Host = IPAddress(octets).ToString(); Port = port }
        else
            None

    /// From an IP address in text and a port from 0 to 65535; `None` for anything else, a host name included.
    let ofText (host: string) (port: int) : MediaAddress option =
        match IPAddress.TryParse host with
        | true, address when port >= 0 && port <= 65535 -> Some { Host = address.ToString(); Port = port }
        | _ -> None

    /// From `a.b.c.d:port` or `[v6]:port`, as ToString writes it; `None` for anything else.
    let tryParse (text: string) : MediaAddress option =
        let colon = text.LastIndexOf ':'

        if colon <= 0 then
            None
        else
            match
                System.Int32.TryParse(text[colon + 1 ..], NumberStyles.None, CultureInfo.InvariantCulture)
            with
            | true, port -> ofText (text[.. colon - 1].TrimStart('[').TrimEnd(']')) port
            | _ -> None
