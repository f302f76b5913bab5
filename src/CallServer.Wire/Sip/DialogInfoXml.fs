namespace CallServer.Wire

open System
open System.Globalization
open System.IO
open System.Text
open System.Xml

/// The names in a document. An XML reader keeps each one; real documents have some twenty.
type private FewNames() =
    inherit NameTable()
    let mutable left = 256

    member private _.Count() =
        left <- left - 1

        if left < 0 then
            raise (XmlException "more names than any dialog-info has")

    override this.Add(key: string) =
        if isNull (base.Get key) then
            this.Count()

        base.Add key

    override this.Add(key: char[], start, length) =
        if isNull (base.Get(key, start, length)) then
            this.Count()

        base.Add(key, start, length)

/// One dialog while it is read. Mutable, because copying a record at every element would cost thousands of
/// copies.
type private DialogReading() =
    static let untold = DialogState.Other ""

    /// How many more dialogs the document may have.
    member val Left = 0 with get, set
    member val State = untold with get, set
    member val Event = "" with get, set
    member val Duration: int64 voption = ValueNone with get, set
    member val Local: DialogParty option = None with get, set
    member val Remote: DialogParty option = None with get, set
    member val Identity = "" with get, set
    member val Display = "" with get, set
    member val Target = "" with get, set
    member val Session = "" with get, set

    member this.Clear() =
        this.State <- untold
        this.Event <- ""
        this.Duration <- ValueNone
        this.Local <- None
        this.Remote <- None

    /// The party that was read; makes room for the next one.
    member this.TakeParty() : DialogParty option =
        if this.Identity = "" && this.Display = "" && this.Target = "" && this.Session = "" then
            None
        else
            let party =
                { Identity = this.Identity
                  Display = this.Display
                  Target = this.Target
                  Session = this.Session }

            this.Identity <- ""
            this.Display <- ""
            this.Target <- ""
            this.Session <- ""
            Some party

/// Reads dialog-info as XML. Lenient where products are known to deviate; strict where an XML document can do
/// harm: no document type, no entity but XML's own, nothing resolved.
module internal DialogInfoXml =
    [<Literal>]
    let private MaxDepth = 16

    /// Dialogs that a document of any size may list; beyond these, each one needs a certain number of octets.
    [<Literal>]
    let private FreeDialogs = 200

    [<Literal>]
    let private OctetsPerDialog = 84

    let private settings () =
        XmlReaderSettings(
            NameTable = FewNames(),
            DtdProcessing = DtdProcessing.Prohibit,
            XmlResolver = null,
            MaxCharactersFromEntities = 1024L,
            IgnoreComments = true,
            IgnoreProcessingInstructions = true,
            CloseInput = true
        )

    /// Ends the reading of a document. Thrown and caught only in this file.
    exception private Unacceptable of DialogInfoProblem

    let private isOurs (reader: XmlReader) (name: string) : bool =
        reader.LocalName = name && (reader.NamespaceURI = "" || reader.NamespaceURI = DialogInfo.Namespace)

    /// Calls `each` for every element directly within the one that the reader stands on, and leaves the
    /// reader at its end.
    let private children (reader: XmlReader) (state: 'State) (each: XmlReader -> 'State -> unit) : unit =
        if not reader.IsEmptyElement then
            let depth = reader.Depth

            if depth > MaxDepth then
                raise (Unacceptable TooDeep)

            while reader.Read() && not (reader.NodeType = XmlNodeType.EndElement && reader.Depth = depth) do
                if reader.Depth > MaxDepth then
                    raise (Unacceptable TooDeep)

                if reader.NodeType = XmlNodeType.Element && reader.Depth = depth + 1 then
                    each reader state

    /// The text within the element, without blanks around it.
    let private content (reader: XmlReader) : string =
        let mutable text = ""

        if not reader.IsEmptyElement then
            let depth = reader.Depth

            while reader.Read() && not (reader.NodeType = XmlNodeType.EndElement && reader.Depth = depth) do
                if reader.Depth > MaxDepth then
                    raise (Unacceptable TooDeep)

                match reader.NodeType with
                | XmlNodeType.Text
                | XmlNodeType.CDATA
                | XmlNodeType.SignificantWhitespace when reader.Depth = depth + 1 ->
                    text <- if text = "" then reader.Value else text + reader.Value
                | _ -> ()

        text.Trim()

    let private attribute (reader: XmlReader) (name: string) : string =
        match reader.GetAttribute name with
        | null -> ""
        | text -> text.Trim()

    let private number (text: string) : int64 voption =
        match Int64.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, value when value <= 0xFFFFFFFFL -> ValueSome value
        | _ -> ValueNone

    let private partyPart (reader: XmlReader) (reading: DialogReading) : unit =
        if isOurs reader "identity" then
            // The RFC's text says `display`, its schema `display-name`.
            let display = attribute reader "display"
            reading.Display <- if display = "" then attribute reader "display-name" else display
            reading.Identity <- content reader
        elif isOurs reader "target" then
            reading.Target <- attribute reader "uri"
        elif isOurs reader "session-description" then
            let kind = attribute reader "type"
            let text = content reader

            if kind = "" || kind.StartsWith("application/sdp", StringComparison.OrdinalIgnoreCase) then
                reading.Session <- text

    let private dialogPart (reader: XmlReader) (reading: DialogReading) : unit =
        if isOurs reader "state" then
            // RFC 4235 §4.1.2 says `event`; its own examples write `reason`.
            let event = attribute reader "event"
            reading.Event <- if event = "" then attribute reader "reason" else event
            reading.State <- DialogInfo.stateOf (content reader)
        elif isOurs reader "duration" then
            reading.Duration <- number (content reader)
        elif isOurs reader "local" then
            children reader reading partyPart
            reading.Local <- reading.TakeParty()
        elif isOurs reader "remote" then
            children reader reading partyPart
            reading.Remote <- reading.TakeParty()

    let private directionOf (word: string) : DialogDirection voption =
        let inline is (known: string) = word.Equals(known, StringComparison.OrdinalIgnoreCase)

        if is "initiator" then ValueSome DialogDirection.Initiator
        // An example of the RFC writes `receiver`.
        elif is "recipient" || is "receiver" then ValueSome DialogDirection.Recipient
        else ValueNone

    let private dialog (reader: XmlReader) (reading: DialogReading) : Dialog =
        let id = attribute reader "id"
        let callId = attribute reader "call-id"
        let localTag = attribute reader "local-tag"
        let remoteTag = attribute reader "remote-tag"
        let direction = directionOf (attribute reader "direction")
        reading.Clear()
        children reader reading dialogPart

        { Id = id
          CallId = callId
          LocalTag = localTag
          RemoteTag = remoteTag
          Direction = direction
          State = reading.State
          Event = reading.Event
          Duration = reading.Duration
          Local = reading.Local
          Remote = reading.Remote }

    /// A text short enough to quote in a message.
    let private short (text: string) : string = if text.Length > 80 then text.Substring(0, 80) + "…" else text

    let private document (most: int) (reader: XmlReader) : DialogInfo =
        reader.MoveToContent() |> ignore

        if not (isOurs reader "dialog-info") then
            raise (Unacceptable(NotDialogInfo(short reader.LocalName, short reader.NamespaceURI)))

        // An example of RFC 4235 writes `notify-state`.
        let state = attribute reader "state"
        let state = if state = "" then attribute reader "notify-state" else state
        let version = number (attribute reader "version")
        let entity = attribute reader "entity"

        let dialogs = ResizeArray<Dialog>()
        let reading = DialogReading(Left = most)

        children reader dialogs (fun reader found ->
            if isOurs reader "dialog" then
                if reading.Left = 0 then
                    raise (Unacceptable TooDense)

                reading.Left <- reading.Left - 1
                let one = dialog reader reading

                // An idle line may appear as an empty element, even without an id.
                match one.State with
                | DialogState.Other "" -> ()
                | _ -> found.Add one)

        // What follows the root must be well-formed too. A document that was cut off ends within the root.
        while reader.Read() do
            ()

        { Version = version
          IsFull = state.Equals("full", StringComparison.OrdinalIgnoreCase)
          Entity = entity
          Dialogs = dialogs.ToArray() }

    /// Reads a document. The charset is the one that Content-Type names, if it names one.
    let read (charset: string voption) (octets: byte[]) : Result<DialogInfo, DialogInfoError> =
        let struct (clean, start) = DialogInfoText.clean charset octets

        match DialogInfoText.tooDense clean start with
        | at when at >= 0 -> Error { Offset = at; Problem = TooDense }
        | _ ->
            use text =
                new StreamReader(
                    new MemoryStream(clean, start, clean.Length - start, false),
                    UTF8Encoding(false),
                    false,
                    512
                )

            use reader = XmlReader.Create(text, settings ())

            try
                Ok(document (FreeDialogs + (clean.Length - start) / OctetsPerDialog) reader)
            with
            | Unacceptable problem -> Error { Offset = 0; Problem = problem }
            | :? XmlException as wrong ->
                // The XML reader's words can quote the document at length.
                let words =
                    if clean.AsSpan(start).IndexOf("<!DOCTYPE"B.AsSpan()) >= 0 then
                        "it declares a document type, and none is taken"
                    elif wrong.Message.Length > 200 then
                        wrong.Message.Substring(0, 200) + "…"
                    else
                        wrong.Message

                Error { Offset = 0; Problem = BadXml words }
