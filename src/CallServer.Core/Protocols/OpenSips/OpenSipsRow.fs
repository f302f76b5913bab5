namespace CallServer.Protocols.OpenSips

open CallServer.Model
open CallServer.Wire

/// What is kept of a row of the table, and when it was told.
[<NoComparison; NoEquality>]
type internal OpenSipsRow =
    {
        /// Without its session descriptions, which are long.
        Dialog: OpenSipsDialog
        Codec: Codec voption
        Heard: Interval
    }

module internal OpenSipsRow =
    /// A bucket's numbers begin anew when OpenSIPS starts without its database; with the Call-ID a name means one dialog.
    let nameOf (row: OpenSipsRow) : string = $"{row.Dialog.CallId};{row.Dialog.Id}"

    /// The codec of the answer, where there was an offer.
    let private codecOf (dialog: OpenSipsDialog) : Codec voption =
        if dialog.CallerSdp = "" || dialog.CalleeSdp = "" then
            ValueNone
        else
            match Sdp.decode dialog.CalleeSdp with
            | Ok answer -> Sdp.codec answer
            | Error _ -> ValueNone

    let create (heard: Interval) (dialog: OpenSipsDialog) : OpenSipsRow =
        { Dialog = { dialog with CallerSdp = ""; CalleeSdp = "" }
          Codec = codecOf dialog
          Heard = heard }

    /// What is kept of it, in octets.
    let cost (row: OpenSipsRow) : int64 =
        let dialog = row.Dialog

        500L
        + 2L
          * int64 (
              2 * (dialog.CallId.Length + dialog.Id.Length)
              + dialog.FromTag.Length
              + dialog.From.Length
              + dialog.To.Length
          )
