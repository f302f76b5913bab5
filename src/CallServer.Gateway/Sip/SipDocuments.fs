namespace CallServer.Gateway

open System
open System.Text
open CallServer.Model
open CallServer.Wire

/// Describes a table's connections as a notifier does (RFC 4235 §4).
module internal SipDocuments =
    [<Literal>]
    let private Domain = "example.net"

    let private uri (number: string) = "sip:" + number + "@" + Domain

    let private target (number: string) (host: uint32) =
        "sip:" + number + "@" + SimConnection.hostText host + ":5060"

    /// The notifier's own id for the dialog, which differs from the GUID.
    let dialogId (c: SimConnection) : string = "d" + SimConnection.guidText c

    /// The number on the gateway's side.
    let private own (c: SimConnection) = if c.Answered then c.Called else c.Calling

    let private far (c: SimConnection) = if c.Answered then c.Calling else c.Called

    let identity (c: SimConnection) : Identity =
        { Id = dialogId c
          Call = Some c.CallId
          Endpoint = Some(target (own c) c.LocalHost)
          Originator = Some(uri c.Calling) }

    let private session (c: SimConnection) (host: uint32) (port: int) (offers: bool) : string =
        let number = string (SimCodec.offeredType c.Codec)
        let address = SimConnection.hostText host

        Sdp.encode
            { Origin = $"- {c.Serial} 1 IN IP4 {address}"
              Name = "-"
              Host = ValueSome address
              Direction = ValueNone
              Media =
                [| { Kind = "audio"
                     Port = port
                     Protocol = "RTP/AVP"
                     // The offering side names more codecs than the two agreed on.
                     Formats = (if offers then [| "101"; number; "112" |] else [| number; "101" |])
                     Host = ValueNone
                     RtpMaps =
                       [| struct ("101", "telephone-event/8000")
                          if (SimCodec.payloadType c.Codec).IsNone then
                              struct (number, $"{SimCodec.name c.Codec}/8000")
                          if offers then
                              struct ("112", "opus/48000/2") |]
                     FormatParameters = [||]
                     PacketTime = ValueSome 20
                     Direction = ValueSome "sendrecv" } |] }

    let private party number host port withSession (c: SimConnection) offers : DialogParty option =
        Some
            { Identity = uri number
              Display = ""
              Target = target number host
              Session = (if withSession then session c host port offers else "") }

    /// A connection as a dialog. `until` is when it ended, if it did.
    let dialog
        (now: Instant)
        (withSession: bool)
        (vices: SipVices)
        (until: Instant voption)
        (c: SimConnection)
        : Dialog =
        let state =
            match until with
            | ValueSome _ -> DialogState.Terminated
            | ValueNone when SimConnection.isActive now c -> DialogState.Confirmed
            | ValueNone -> DialogState.Early

        let withSession = withSession && state = DialogState.Confirmed

        { Id = (if vices.NoIds then "" else dialogId c)
          CallId = c.CallId
          LocalTag = "l" + string c.Serial
          RemoteTag = "r" + string c.Serial
          Direction = ValueSome(if c.Answered then DialogDirection.Recipient else DialogDirection.Initiator)
          State = state
          Event = (if until.IsSome then "remote-bye" else "")
          Duration =
            (if vices.NoDuration then
                 ValueNone
             else
                 ValueSome(int64 (now - c.Setup).TotalSeconds))
          Local = party (own c) c.LocalHost c.LocalPort withSession c (not c.Answered)
          Remote = party (far c) c.RemoteHost c.RemotePort withSession c c.Answered }

    /// All dialogs of a table. If several notifiers share them, those whose serial number modulo `shares` is `share`.
    let dialogs (withSession: bool) (vices: SipVices) (share: int) (shares: int) (table: Table) : Dialog[] =
        let isShared (c: SimConnection) = c.Serial % int64 shares = int64 share

        [| for c in table.Connections do
               if isShared c then
                   let one = dialog table.Now withSession vices ValueNone c

                   if vices.ForkedDialogs then
                       { one with
                           RemoteTag = one.RemoteTag + "-b"
                           State = DialogState.Terminated
                           Duration = ValueNone
                           Local = None
                           Remote = None }

                   if vices.Doubles then
                       { one with State = DialogState.Trying; Local = None; Remote = None }

                   one

           if vices.ListsTerminated then
               for struct (c, ended) in table.Ended do
                   if isShared c && table.Now - ended < TimeSpan.FromSeconds 10.0 then
                       dialog table.Now withSession vices (ValueSome ended) c |]

    let private bomb =
        "<?xml version=\"1.0\"?>\n<!DOCTYPE b [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY c \"&a;&a;&a;&a;&a;&a;&a;&a;\">"
        + "<!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;\"><!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;\">]>\n"
        + "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" state=\"full\" entity=\"&e;\"/>"

    /// Adds an ampersand as FreeSWITCH writes it, and a letter outside ASCII, in an element that has no other effect.
    let private odd (octets: byte[]) : byte[] =
        let text = (Encoding.UTF8.GetString octets).Replace("encoding=\"UTF-8\"", "encoding=\"ISO-8859-1\"")
        let named = text.Replace("<identity>", "<identity display=\"J\u00fcrgen AT&T\">")
        Encoding.Latin1.GetBytes named

    /// A dialog without the parts that FreeSWITCH leaves out in an update.
    let brief (dialog: Dialog) : Dialog =
        { dialog with CallId = ""; LocalTag = ""; RemoteTag = ""; Duration = ValueNone }

    /// The body of a notification.
    let body (vices: SipVices) (version: int64) (isFull: bool) (entity: string) (dialogs: Dialog[]) : byte[] =
        if vices.Empty then
            [||]
        elif vices.Bomb then
            Encoding.UTF8.GetBytes bomb
        elif vices.Foreign then
            "nothing to see"B
        else
            let octets =
                DialogInfoCodec.encode
                    { Version =
                        ValueSome(
                            if vices.ConstantVersions then 0L
                            elif vices.LoopsVersions then version % 2L
                            else version
                        )
                      IsFull = isFull && not vices.SaysPartial
                      Entity = entity
                      Dialogs = dialogs }

            let octets =
                if vices.DeclaresUtf16 then
                    let text = Encoding.UTF8.GetString octets
                    Encoding.UTF8.GetBytes("\r\n" + text.Replace("encoding=\"UTF-8\"", "encoding=\"utf-16\""))
                else
                    octets

            let octets = if vices.OddNames then odd octets else octets
            if vices.Truncates then octets[.. octets.Length * 2 / 3] else octets
