namespace CallServer.Wire

open System

/// Why a dialog-info document cannot be read.
type DialogInfoProblem =
    /// Not well-formed XML, or with a document type (which is never read).
    | BadXml of words: string
    /// The root element is another one, or of another namespace.
    | NotDialogInfo of root: string * space: string
    /// Elements in elements in elements.
    | TooDeep
    /// More elements, attributes or dialogs than a document of this size has use for: reading them would
    /// take more memory than allowed.
    | TooDense

/// What is wrong, and at which octet of the document, or 0 where only the words tell.
type DialogInfoError =
    { Offset: int
      Problem: DialogInfoProblem }

    override this.ToString() =
        match this.Problem with
        | BadXml words -> $"no well-formed XML: {words}"
        | NotDialogInfo(root, "") -> $"a document of {root}, not of dialog-info"
        | NotDialogInfo(root, space) ->
            $"a document of {root} in the namespace {space}, not of dialog-info in urn:ietf:params:xml:ns:dialog-info"
        | TooDeep -> "elements nested deeper than any dialog-info"
        | TooDense -> $"too many elements for its size, at octet {this.Offset}"

/// Where a dialog stands (RFC 4235 §3.7.1), or the notifier's own word for it.
[<RequireQualifiedAccess>]
type DialogState =
    | Trying
    | Proceeding
    | Early
    | Confirmed
    | Terminated
    | Other of word: string

/// Who sent the INVITE of a dialog, seen from the observed user agent.
[<RequireQualifiedAccess>]
type DialogDirection =
    /// It did.
    | Initiator
    | Recipient

/// One side of a dialog (RFC 4235 §4.1.6). What is not told is empty.
type DialogParty =
    {
        /// The URI in From or To.
        Identity: string
        Display: string
        /// The URI in Contact.
        Target: string
        /// A session description as text, where it is SDP.
        Session: string
    }

/// One dialog of a document (RFC 4235 §4.1). What is not told is empty or ValueNone.
type Dialog =
    {
        Id: string
        CallId: string
        LocalTag: string
        RemoteTag: string
        Direction: DialogDirection voption
        State: DialogState
        /// Why it is in this state: `remote-bye`, `timeout`, …
        Event: string
        /// Seconds since the INVITE was sent or received, ringing included.
        Duration: int64 voption
        Local: DialogParty option
        Remote: DialogParty option
    }

/// application/dialog-info+xml.
type DialogInfo =
    {
        /// ValueNone where the document tells none.
        Version: int64 voption
        /// state="full": it lists every dialog.
        IsFull: bool
        /// Whose dialogs they are; empty where it is not told.
        Entity: string
        /// Those whose state is told: an element without one is no dialog (RFC 4235 §4.1.1 asks for exactly one).
        Dialogs: Dialog[]
    }

module DialogInfo =
    [<Literal>]
    let Namespace = "urn:ietf:params:xml:ns:dialog-info"

    [<Literal>]
    let MediaType = "application/dialog-info+xml"

    let noParty: DialogParty = { Identity = ""; Display = ""; Target = ""; Session = "" }

    let isToldOf (party: DialogParty) : bool = party <> noParty

    /// The state of that word. Other words than the RFC's are seen in the field (`busy`, `progressing`).
    let stateOf (word: string) : DialogState =
        let inline is (known: string) = word.Equals(known, StringComparison.OrdinalIgnoreCase)

        if is "confirmed" then DialogState.Confirmed
        elif is "early" then DialogState.Early
        elif is "trying" then DialogState.Trying
        elif is "proceeding" then DialogState.Proceeding
        elif is "terminated" then DialogState.Terminated
        else DialogState.Other word

    let stateWord (state: DialogState) : string =
        match state with
        | DialogState.Trying -> "trying"
        | DialogState.Proceeding -> "proceeding"
        | DialogState.Early -> "early"
        | DialogState.Confirmed -> "confirmed"
        | DialogState.Terminated -> "terminated"
        | DialogState.Other word -> word

    let directionWord (direction: DialogDirection) : string =
        match direction with
        | DialogDirection.Initiator -> "initiator"
        | DialogDirection.Recipient -> "recipient"
