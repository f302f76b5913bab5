namespace CallServer.Protocols.OpenSips

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols

/// Makes observations from OpenSIPS's dialogs. A dialog is one connection: OpenSIPS is between both parties.
module internal OpenSipsObserving =
    let isOver (dialog: OpenSipsDialog) : bool = dialog.State = ProxyDialogState.Deleted

    /// Its end is final. One that nobody answered may go on: its last branch failed, and a 2xx may still overtake that.
    let hasEnded (dialog: OpenSipsDialog) : bool = isOver dialog && dialog.Answered > 0L

    /// The connection of a row; nothing if it has no name that could be kept. The addresses of the parties' media are none of OpenSIPS, and
    /// not even those that its relay tells the parties: they would contradict what other gateways tell of the call.
    let observe (clock: StampClock) (row: OpenSipsRow) : Observation option =
        let dialog = row.Dialog

        ConnectionId.tryCreate (OpenSipsRow.nameOf row)
        |> Option.map (fun id ->
            { Id = id
              // The caller's tag: like bucket and number it stays when OpenSIPS loads the dialog from its database.
              Stamp = ProxyDialogs.text dialog.FromTag
              Heard = row.Heard
              Setup = ValueNone
              Start = ValueSome(ProxyDialogs.startOf clock row.Heard ValueNone dialog.State dialog.Answered)
              MinimumAge = TimeSpan.Zero
              Facts =
                { Facts.none with
                    Call = CallId.tryCreate dialog.CallId |> ValueOption.ofOption
                    Originator = ProxyDialogs.text dialog.From
                    Remote = ProxyDialogs.text dialog.To
                    Codec = row.Codec
                    State = ValueSome(ProxyDialogs.word dialog.State) } })
