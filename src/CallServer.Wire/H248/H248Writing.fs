namespace CallServer.Wire

open System
open System.Text

/// How a message is written. Every receiver must understand all of it (RFC 3525 annex B.1).
type H248Style =
    {
        Version: int
        /// `[ADDRESS]:PORT`, `<DOMAIN>`, or a device's name.
        Sender: string
        /// `AuditValue`, and not `AV`.
        IsLong: bool
        /// In lines, with blanks.
        IsPretty: bool
    }

/// AuditValue of terminations in one context.
type H248Question =
    {
        Context: H248Context
        /// A termination's id, `*`, or `Root`.
        Termination: string
        Media: bool
        Statistics: bool
        /// The contexts after it are asked even if this one cannot be told.
        IsOptional: bool
    }

/// A stream of a termination, to be written; what is empty is left out.
type H248StreamText =
    {
        Number: int
        Mode: string
        /// Package, property and value of LocalControl.
        Properties: (string * string) list
        /// Session descriptions.
        Local: string
        Remote: string
    }

/// A termination, to be written; what is empty is left out.
type H248TerminationText =
    { Id: string
      Fault: H248Fault voption
      ServiceState: string
      Streams: H248StreamText list
      Statistics: (string * string) list }

/// What a reply says of one context.
type H248ContextText =
    {
        Context: H248Context
        Terminations: H248TerminationText list
        /// Stands after the terminations.
        Fault: H248Fault voption
    }

/// A reply, or one segment of it, to be written.
type H248ReplyText =
    {
        Transaction: uint32
        /// 0 for a reply that is whole.
        Segment: int
        IsLast: bool
        WantsAcknowledgement: bool
        /// In place of contexts.
        Fault: H248Fault voption
        Contexts: H248ContextText list
    }

/// Something with a name, to be written: NAME[=VALUE][{ITEMS}].
[<RequireQualifiedAccess>]
type private Node =
    | Item of name: string * value: string * items: Node list
    | Braces of name: string * value: string * items: Node list
    | Text of name: string * octets: string

/// Writes H.248 messages.
module H248Writing =
    let private word (style: H248Style) (long: string) (short: string) = if style.IsLong then long else short

    let private item name value items = Node.Item(name, value, items)

    let private newLine (style: H248Style) (depth: int) (into: StringBuilder) =
        if style.IsPretty then
            into.Append("\r\n").Append(' ', 2 * depth) |> ignore

    let rec private write (style: H248Style) (depth: int) (into: StringBuilder) (node: Node) : unit =
        let head (name: string) (value: string) =
            into.Append name |> ignore

            if value <> "" then
                into.Append(if style.IsPretty then " = " else "=").Append value |> ignore

        let braces (items: Node list) =
            into.Append(if style.IsPretty then " {" else "{") |> ignore

            items
            |> List.iteri (fun place item ->
                if place > 0 then
                    into.Append ',' |> ignore

                newLine style (depth + 1) into
                write style (depth + 1) into item)

            if not items.IsEmpty then
                newLine style depth into

            into.Append '}' |> ignore

        match node with
        | Node.Item(name, value, []) -> head name value
        | Node.Item(name, value, items)
        | Node.Braces(name, value, items) ->
            head name value
            braces items
        | Node.Text(name, octets) ->
            head name ""

            into
                .Append(if style.IsPretty then " {\r\n" else "{")
                .Append(octets.Replace("}", "\\}", StringComparison.Ordinal))
                .Append
                '}'
            |> ignore

    /// SafeChar (RFC 3525 annex B.2).
    let private isSafe (c: char) : bool = Char.IsAsciiLetterOrDigit c || "+-&!_/'?@^`~*$\\()%|.".Contains c

    let private quoted (text: string) : string =
        "\"" + text.Replace('"', '\'').Replace('\r', ' ').Replace('\n', ' ') + "\""

    let private value (text: string) : string =
        if text <> "" && Seq.forall isSafe text then text else quoted text

    let private message (style: H248Style) (nodes: Node list) : byte[] =
        let name = word style "MEGACO" "!"
        let into = StringBuilder $"{name}/{style.Version} {style.Sender}"

        for node in nodes do
            into.Append(if style.IsPretty then "\r\n" else "\n") |> ignore
            write style 0 into node

        if style.IsPretty then
            into.Append "\r\n" |> ignore

        Encoding.Latin1.GetBytes(into.ToString())

    let private fault (style: H248Style) (fault: H248Fault) : Node =
        let words = if fault.Text = "" then [] else [ item (quoted fault.Text) "" [] ]

        Node.Braces(word style "Error" "ER", string fault.Code, words)

    let private context (style: H248Style) (id: H248Context) (items: Node list) : Node =
        Node.Braces(word style "Context" "C", string id, items)

    /// A request with these questions, one after the other.
    let request (style: H248Style) (number: uint32) (questions: H248Question list) : byte[] =
        let command (question: H248Question) =
            let audit =
                Node.Braces(
                    word style "Audit" "AT",
                    "",
                    [ if question.Media then
                          item (word style "Media" "M") "" []
                      if question.Statistics then
                          item (word style "Statistics" "SA") "" [] ]
                )

            let mark = if question.IsOptional then "O-" else ""
            item (mark + word style "AuditValue" "AV") question.Termination [ audit ]

        let actions =
            questions |> List.map (fun question -> context style question.Context [ command question ])

        message style [ Node.Braces(word style "Transaction" "T", string number, actions) ]

    let private stream (style: H248Style) (stream: H248StreamText) : Node =
        let control =
            [ if stream.Mode <> "" then
                  item (word style "Mode" "MO") stream.Mode []
              for name, text in stream.Properties do
                  item name (value text) [] ]

        item
            (word style "Stream" "ST")
            (string stream.Number)
            [ if not control.IsEmpty then
                  item (word style "LocalControl" "O") "" control
              if stream.Local <> "" then
                  Node.Text(word style "Local" "L", stream.Local)
              if stream.Remote <> "" then
                  Node.Text(word style "Remote" "R", stream.Remote) ]

    let private termination (style: H248Style) (termination: H248TerminationText) : Node =
        let media =
            [ if termination.ServiceState <> "" then
                  item
                      (word style "TerminationState" "TS")
                      ""
                      [ item (word style "ServiceStates" "SI") termination.ServiceState [] ]
              for one in termination.Streams do
                  stream style one ]

        item
            (word style "AuditValue" "AV")
            termination.Id
            [ match termination.Fault with
              | ValueSome told -> fault style told
              | ValueNone -> ()
              if not media.IsEmpty then
                  item (word style "Media" "M") "" media
              if not termination.Statistics.IsEmpty then
                  item
                      (word style "Statistics" "SA")
                      ""
                      [ for name, text in termination.Statistics -> item name (value text) [] ] ]

    let private replyNode (style: H248Style) (reply: H248ReplyText) : Node =
        let end' = if reply.IsLast then "/" + word style "END" "&" else ""
        let segment = if reply.Segment = 0 then "" else $"/{reply.Segment}{end'}"

        let contextNode (told: H248ContextText) =
            context
                style
                told.Context
                [ for one in told.Terminations do
                      termination style one
                  match told.Fault with
                  | ValueSome why -> fault style why
                  | ValueNone -> () ]

        Node.Braces(
            word style "Reply" "P",
            $"{reply.Transaction}{segment}",
            [ if reply.WantsAcknowledgement then
                  item (word style "ImmAckRequired" "IA") "" []
              match reply.Fault with
              | ValueSome why -> fault style why
              | ValueNone ->
                  for told in reply.Contexts do
                      contextNode told ]
        )

    let reply (style: H248Style) (text: H248ReplyText) : byte[] = message style [ replyNode style text ]

    let pending (style: H248Style) (number: uint32) : byte[] =
        message style [ Node.Braces(word style "Pending" "PN", string number, []) ]

    /// Says that the reply to this transaction arrived.
    let acknowledgement (style: H248Style) (number: uint32) : byte[] =
        message
            style
            [ Node.Braces(word style "TransactionResponseAck" "K", "", [ item (string number) "" [] ]) ]

    /// Says that this segment of a reply arrived.
    let segmentArrived (style: H248Style) (number: uint32) (segment: int) (isLast: bool) : byte[] =
        let end' = if isLast then "/" + word style "END" "&" else ""
        message style [ item (word style "Segment" "SM") $"{number}/{segment}{end'}" [] ]

    /// A message that is nothing but an error: the one before it could not be understood.
    let fault' (style: H248Style) (why: H248Fault) : byte[] = message style [ fault style why ]
