/// Documents of the dialog event package.
module CallServer.Tests.Wire.DialogInfoTests

open System
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Wire
open CallServer.Tests

type AnyDialogInfo = AnyDialogInfo of DialogInfo

type DialogInfoArbitraries =
    static member AnyDialogInfo() : Arbitrary<AnyDialogInfo> =
        let text =
            Gen.frequency
                [ 2, Gen.constant ""
                  5,
                  Gen.elements
                      [ 'a'
                        'Z'
                        '7'
                        ' '
                        '"'
                        '<'
                        '>'
                        '&'
                        ';'
                        '\''
                        '\u00e9'
                        '\u20ac'
                        '\n'
                        '\r'
                        '\t' ]
                  |> Gen.arrayOf
                  |> Gen.map (fun characters -> String(characters).Trim()) ]

        let party =
            gen {
                let! identity = text
                let! display = text
                let! target = text
                let! session = text

                let party: DialogParty =
                    { Identity = identity; Display = display; Target = target; Session = session }

                return if DialogInfo.isToldOf party then Some party else None
            }

        let dialog =
            gen {
                let! texts = Gen.arrayOfLength 5 text

                let! state =
                    Gen.elements [ "trying"; "proceeding"; "early"; "confirmed"; "terminated"; "busy" ]

                let! direction =
                    Gen.elements
                        [ ValueNone
                          ValueSome DialogDirection.Initiator
                          ValueSome DialogDirection.Recipient ]

                let! duration = Gen.elements [ ValueNone; ValueSome 0L; ValueSome 4294967295L ]
                let! local = party
                let! remote = party

                return
                    { Id = texts[0]
                      CallId = texts[1]
                      LocalTag = texts[2]
                      RemoteTag = texts[3]
                      Direction = direction
                      State = DialogInfo.stateOf state
                      Event = texts[4]
                      Duration = duration
                      Local = local
                      Remote = remote }
            }

        gen {
            let! version = Gen.elements [ ValueNone; ValueSome 0L; ValueSome 4294967295L ]
            let! isFull = Gen.elements [ true; false ]
            let! entity = text
            let! dialogs = Gen.arrayOf dialog
            return AnyDialogInfo { Version = version; IsFull = isFull; Entity = entity; Dialogs = dialogs }
        }
        |> Arb.fromGen

let private dialogInfoLaws =
    Laws.plain |> Laws.drawing [ typeof<Arbitraries>; typeof<DialogInfoArbitraries> ] |> Laws.times 1000

let ``a document comes back as it was written`` =
    lawBy dialogInfoLaws (fun (AnyDialogInfo info) ->
        Check.equal (Ok info) (DialogInfoCodec.decode (DialogInfoCodec.encode info)))

let private measure (octets: byte[]) : unit =
    let before = GC.GetAllocatedBytesForCurrentThread()
    DialogInfoCodec.decode octets |> ignore
    let taken = GC.GetAllocatedBytesForCurrentThread() - before

    if taken > 65536L + 4L * int64 octets.Length then
        failtest
            $"{octets.Length} octets took {taken}: {Encoding.UTF8.GetString(octets, 0, min 300 octets.Length)}"

/// Caches are filled before anything else is measured.
let private madeOnce =
    lazy
        (measure (DialogInfoCodec.encode { Version = ValueNone; IsFull = true; Entity = "x"; Dialogs = [||] })
         measure "<a"B)

let private bounded (octets: byte[]) : unit =
    madeOnce.Force()
    measure octets

let ``damage is an error or another document, and costs no more memory than allowed`` =
    lawBy dialogInfoLaws (fun (AnyDialogInfo info) (AnyDialogInfo other) (seed: uint64) ->
        for attempt in 0UL .. 2UL do
            bounded (
                Mutation.some (DialogInfoCodec.encode other) (DialogInfoCodec.encode info) (seed + attempt)
            ))

let private within (content: string) : byte[] =
    Encoding.UTF8.GetBytes(
        $"<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"1\" state=\"full\" entity=\"sip:a\">{content}</dialog-info>"
    )

let ``documents as dense as can be stay within the bound at every size`` =
    examples
        [ "<dialog id='1'/>"
          "<dialog/>"
          "<a/>"
          "<a>"
          "<dialog id=\"103\"><state>confirmed</state></dialog>"
          "<dialog><local><target uri='a'/></local></dialog>"
          "<dialog id='abcdefgh'>\n <state>x</state>\n <local/>\n</dialog>\n"
          "<dialog id='&amp;'><state>&lt;</state>x&gt;y</dialog>"
          "<!-- \"x\" -->"
          "<?a b?>"
          "x"
          "&#65;" ]
        (fun (piece: string) ->
            for count in [ 1; 50; 150; 300; 400; 700; 1500; 5000; 20000 ] do
                bounded (within (String.replicate count piece)))

let ``so do names and attributes without end`` =
    example (fun () ->
        for count in [ 10; 63; 64; 65; 250; 400; 5000 ] do
            let numbers = [ 1..count ]
            bounded (within (String.Join("", numbers |> List.map (fun n -> $"<a{n}/>"))))
            bounded (within (String.Join("", numbers |> List.map (fun n -> $"<element-number-{n}/>"))))
            bounded (within ("<a " + String.Join(" ", numbers |> List.map (fun n -> $"b{n}=''")) + "/>"))
            bounded (within ("<a " + String.Join(" ", numbers |> List.map (fun _ -> "b = \"\"")) + "/>"))

            bounded (
                within (
                    "<a " + String.Join(" ", numbers |> List.map (fun n -> $"xmlns:n{n}='urn:{n}'")) + "/>"
                )
            ))

/// A document may have one name for every 14 octets, plus 400. Any number of 16-octet elements with one name each
/// fits that; of 4-octet elements only a few do.
let ``a document of more names than its octets pay for is refused at the name that is too many`` =
    example (fun () ->
        let ofShort = within (String.replicate 1000 "<a/>")
        let ofLong = within (String.replicate 1000 "<abcdefghijklm/>")

        match DialogInfoCodec.decode ofShort with
        | Error { Problem = TooDense; Offset = at } -> at |> Check.between 1600 ofShort.Length
        | other -> failtest $"%A{other}"

        (DialogInfoCodec.decode ofLong).IsOk |> Check.isTrue)

let private read (text: string) : DialogInfo =
    match DialogInfoCodec.decode (Encoding.UTF8.GetBytes text) with
    | Ok info -> info
    | Error wrong -> failwith (string wrong)

let ``a large document of an honest gateway is not too dense`` =
    example (fun () ->
        let dialog n : Dialog =
            { Id = $"{n}"
              CallId = ""
              LocalTag = ""
              RemoteTag = ""
              Direction = ValueNone
              State = DialogState.Confirmed
              Event = ""
              Duration = ValueNone
              Local = None
              Remote = None }

        let party user : DialogParty option =
            Some
                { DialogInfo.noParty with
                    Identity = $"sip:{user}@192.0.2.1"
                    Target = $"sip:{user}@192.0.2.1:5060" }

        let whole n =
            { dialog n with CallId = $"{n}@192.0.2.1"; Local = party "alice"; Remote = party "bob" }

        for make, count in [ dialog, 500; whole, 20000 ] do
            let info: DialogInfo =
                { Version = ValueSome 3L
                  IsFull = true
                  Entity = "sip:gw1"
                  Dialogs = Array.init count make }

            let octets = DialogInfoCodec.encode info
            (DialogInfoCodec.decode octets = Ok info) |> Check.isTrue
            bounded octets)

let ``no document type, no entity of its own, and nothing nested for ever`` =
    example (fun () ->
        let refused (text: string) =
            match DialogInfoCodec.decode (Encoding.UTF8.GetBytes text) with
            | Ok info -> failwith $"%A{info}"
            | Error wrong -> wrong.Problem

        let isBad problem =
            match problem with
            | BadXml _ -> true
            | NotDialogInfo _
            | TooDeep
            | TooDense -> false

        isBad (refused "<!DOCTYPE a [<!ENTITY b 'c'>]><dialog-info state='full'>&b;</dialog-info>")
        |> Check.isTrue

        isBad (refused "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><dialog-info/>") |> Check.isTrue
        isBad (refused "<dialog-info><dialog id='1'>") |> Check.isTrue
        isBad (refused "<dialog-info/><dialog-info/>") |> Check.isTrue
        isBad (refused "") |> Check.isTrue
        Check.equal TooDeep (refused ("<dialog-info>" + String.replicate 100 "<a>"))

        Check.equal
            (NotDialogInfo("presence", "urn:ietf:params:xml:ns:pidf"))
            (refused "<presence xmlns='urn:ietf:params:xml:ns:pidf'/>")

        match DialogInfoCodec.decode "<dialog-info xmlns='urn:x'/>"B with
        | Ok info -> failtest $"%A{info}"
        | Error wrong ->
            Check.equal
                "a document of dialog-info in the namespace urn:x, not of dialog-info in urn:ietf:params:xml:ns:dialog-info"
                (string wrong))

let ``reads what products write`` =
    example (fun () ->
        let body =
            "\r\n\ufeff".TrimEnd('\ufeff')
            + "<?xml version=\"1.0\" encoding=\"utf-16\"?>\n"
            + "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"2\" notify-state=\"full\">\n"
            + "<dialog call-id=\"x&quote;y\" direction=\"receiver\"><state reason=\"replaced\"> Confirmed </state>\n"
            + "<duration>274</duration><local><target uri=\"sip:a@b\"><param pname=\"x\" pvalue=\"y\"/></target></local>\n"
            + "<remote><identity display-name=\"Bob\">\n sip:bob@example.org\n</identity></remote></dialog>\n"
            + "<dialog id=\"2\"><state>progressing</state></dialog>\n</dialog-info>\n"

        let info = read body
        Check.equal (ValueSome 2L, true, "", 2) (info.Version, info.IsFull, info.Entity, info.Dialogs.Length)
        let first = info.Dialogs[0]

        Check.equal
            ("", "x\"y", ValueSome DialogDirection.Recipient)
            (first.Id, first.CallId, first.Direction)

        Check.equal
            (DialogState.Confirmed, "replaced", ValueSome 274L)
            (first.State, first.Event, first.Duration)

        Check.equal "sip:a@b" first.Local.Value.Target
        Check.equal ("Bob", "sip:bob@example.org") (first.Remote.Value.Display, first.Remote.Value.Identity)
        Check.equal (DialogState.Other "progressing") info.Dialogs[1].State)

let ``reads UTF-16 that is marked so, and UTF-8 with its mark`` =
    example (fun () ->
        let text = "<dialog-info state=\"full\" entity=\"sip:é\"/>"

        for encoding in [ Encoding.Unicode; Encoding.BigEndianUnicode; UTF8Encoding(true) :> Encoding ] do
            let octets = Array.append (encoding.GetPreamble()) (encoding.GetBytes text)

            match DialogInfoCodec.decode octets with
            | Ok info -> Check.equal "sip:é" info.Entity
            | Error wrong -> failtest (string wrong))

let private withDisplay (display: string) : string =
    "<dialog-info state='full'><dialog id='1'><state>confirmed</state><local><identity display=\""
    + display
    + "\">"
    + display
    + "</identity></local></dialog></dialog-info>"

/// The display names in the document of `withDisplay`.
let private displayOf (info: DialogInfo) : string * string =
    let local = info.Dialogs[0].Local |> Option.defaultValue DialogInfo.noParty
    local.Display, local.Identity

let ``an ampersand that begins no reference is meant as it stands`` =
    lawBy dialogInfoLaws (fun (picks: byte[]) ->
        let letters = [| "a"; "&"; "#"; "x"; "1"; "&amp;"; "&lt;"; " "; "T"; "&quot;"; "&#65;"; "&#x42;" |]
        let drawn = picks |> Array.map (fun pick -> letters[int pick % letters.Length])

        let meant letter =
            match letter with
            | "&amp;" -> "&"
            | "&lt;" -> "<"
            | "&quot;" -> "\""
            | "&#65;" -> "A"
            | "&#x42;" -> "B"
            | other -> other

        // Blanks at both ends are not part of a name.
        let written = "[" + String.Concat drawn + "]"
        let expected = "[" + String.Concat(Array.map meant drawn) + "]"
        Check.equal (expected, expected) (displayOf (read (withDisplay written))))

let ``an ampersand in a comment or a CDATA section is no reference`` =
    example (fun () ->
        let info =
            read (
                "<!-- AT&T --><dialog-info state='full'><dialog id='R&D'><state>confirmed</state><local>"
                + "<identity display='a &nbsp; b'><![CDATA[sip:a&b&amp;]]></identity></local></dialog></dialog-info>"
            )

        Check.equal "R&D" info.Dialogs[0].Id
        Check.equal ("a &nbsp; b", "sip:a&b&amp;") (displayOf info)
        bounded (Encoding.UTF8.GetBytes(withDisplay (String.replicate 20000 "&"))))

let ``text in a charset that is declared, in the document or beside it, is read in it`` =
    lawBy dialogInfoLaws (fun (octets: byte[]) ->
        // Any character that is not a control character.
        let text = octets |> Array.filter (fun octet -> octet >= 0xA0uy) |> Encoding.Latin1.GetString

        let written = Encoding.Latin1.GetBytes(withDisplay $"[{text}]")

        for name in [ "ISO-8859-1"; "iso-8859-1"; "Windows-1252"; "latin1" ] do
            let declaration = Encoding.ASCII.GetBytes($"<?xml version=\"1.0\" encoding='{name}' ?>\n")

            for read in
                [ DialogInfoCodec.decode (Array.append declaration written)
                  DialogInfoCodec.decodeAs (ValueSome name) written ] do
                match read with
                | Ok info -> Check.equal ($"[{text}]", $"[{text}]") (displayOf info)
                | Error wrong -> failtest (string wrong))

let ``Windows-1252 has letters and signs where ISO-8859-1 has control characters`` =
    example (fun () ->
        let body =
            Array.concat [ "<dialog-info state='full' entity='sip:"B; [| 0x80uy; 0x9Fuy; 0xE9uy |]; "'/>"B ]

        for charset, entity in [ "Windows-1252", "sip:€Ÿé"; "ISO-8859-1", "sip:\u0080\u009fé" ] do
            match DialogInfoCodec.decodeAs (ValueSome charset) body with
            | Ok info -> Check.equal entity info.Entity
            | Error wrong -> failtest (string wrong))

let ``any octets at all, in any charset, are an error or a document, and cost no more memory than allowed`` =
    lawBy dialogInfoLaws (fun (octets: byte[]) (AnyDialogInfo info) (seed: uint64) ->
        let damaged = Mutation.some octets (DialogInfoCodec.encode info) seed

        for charset in [ ValueNone; ValueSome "iso-8859-1"; ValueSome "windows-1252"; ValueSome "utf-16" ] do
            for body in [ octets; damaged; Array.append "<?xml encoding='windows-1252'?>"B octets ] do
                let before = GC.GetAllocatedBytesForCurrentThread()
                DialogInfoCodec.decodeAs charset body |> ignore
                let taken = GC.GetAllocatedBytesForCurrentThread() - before
                taken |> Check.below (65536L + 12L * int64 body.Length))

let ``an element without a state is no dialog`` =
    example (fun () ->
        let info =
            read
                "<dialog-info state='full'><dialog/><dialog id='103'/><dialog id='1'><state/></dialog></dialog-info>"

        Check.equal [||] info.Dialogs)

let ``a dialog of another name space is another thing`` =
    example (fun () ->
        let info =
            read
                "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' xmlns:x='urn:x' state='full'><x:dialog id='1'/><dialog id='2'><x:state>early</x:state><state>confirmed</state></dialog></dialog-info>"

        Check.equal [| "2" |] (info.Dialogs |> Array.map _.Id)
        Check.equal DialogState.Confirmed info.Dialogs[0].State)
