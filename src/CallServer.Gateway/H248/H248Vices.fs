namespace CallServer.Gateway

open System

/// The faults and oddities that a simulated H.248 gateway can be given.
type H248Vices =
    {
        /// It is silent after this many answers; 0 means from the beginning.
        AnswersOnly: int voption
        /// It answers every transaction with this error.
        Refuses: int voption
        /// It answers every message with this error, and with no transaction.
        RefusesMessages: int voption
        /// The only version that it speaks: 406 for others.
        Speaks: int voption
        /// It does not list its contexts by their root termination: 430.
        NoRoot: bool
        /// The error with which it says that it has no context.
        Idle: int
        /// It answers every N-th transaction with TransactionPending first, and wants the reply acknowledged.
        PendingEvery: int voption
        /// It answers 533 if a reply would have more octets than this.
        TooLargeAt: int voption
        /// Replies with more octets than this do not arrive.
        SilentAbove: int voption
        /// In version 3 it divides replies with more octets than this into segments.
        SegmentsAt: int voption
        /// It divides replies with more octets than this into several replies to the same transaction, of which none says so.
        PiecesAt: int voption
        /// It cuts datagrams off after this many octets.
        TruncatesAt: int voption
        /// An error ends a transaction, though the command was optional.
        StopsAtError: bool
        /// It takes one context in a transaction: 421.
        OneAction: bool
        /// It answers every N-th transaction with 502.
        BusyEvery: int voption
        /// It never receives every N-th datagram.
        SwallowsEvery: int voption
        AnswersTwice: bool
        WrongTransactions: bool
        /// It carries out a repeated transaction again.
        Forgets: bool
        /// It sends a datagram that is no H.248 before every answer.
        Garbage: bool
        /// It sends a transaction of its own before every answer.
        Talks: bool
        /// It writes the short forms of tokens.
        Short: bool
        /// It writes lines with blanks.
        Pretty: bool
        /// Its list of contexts lacks every N-th one.
        HidesEvery: int voption
        /// It does not know the package nt: no durations.
        NoDurations: bool
        /// Durations are whole seconds.
        SecondDurations: bool
        /// It tells no Media descriptors.
        NoMedia: bool
        /// Contexts and ephemeral terminations get the lowest free number.
        Reuses: bool
        /// The time that every request takes.
        DelayPerRequest: TimeSpan
    }

module H248Vices =
    let none: H248Vices =
        { AnswersOnly = ValueNone
          Refuses = ValueNone
          RefusesMessages = ValueNone
          Speaks = ValueNone
          NoRoot = false
          Idle = 411
          PendingEvery = ValueNone
          TooLargeAt = ValueNone
          SilentAbove = ValueNone
          SegmentsAt = ValueNone
          PiecesAt = ValueNone
          TruncatesAt = ValueNone
          StopsAtError = false
          OneAction = false
          BusyEvery = ValueNone
          SwallowsEvery = ValueNone
          AnswersTwice = false
          WrongTransactions = false
          Forgets = false
          Garbage = false
          Talks = false
          Short = false
          Pretty = false
          HidesEvery = ValueNone
          NoDurations = false
          SecondDurations = false
          NoMedia = false
          Reuses = false
          DelayPerRequest = TimeSpan.Zero }

    /// The words for the vices on the command line.
    let internal words: Word<H248Vices> list =
        [ Words.number "mute-after" 0 (fun n vices -> { vices with AnswersOnly = ValueSome n })
          Words.ranged "refuses" 400 999 (fun n vices -> { vices with Refuses = ValueSome n })
          Words.ranged "refuses-messages" 400 999 (fun n vices ->
              { vices with RefusesMessages = ValueSome n })
          Words.ranged "speaks" 1 99 (fun n vices -> { vices with Speaks = ValueSome n })
          Words.flag "no-root" (fun vices -> { vices with NoRoot = true })
          Words.ranged "idle" 400 999 (fun n vices -> { vices with Idle = n })
          Words.number "pending-every" 1 (fun n vices -> { vices with PendingEvery = ValueSome n })
          Words.number "too-large-at" 1 (fun n vices -> { vices with TooLargeAt = ValueSome n })
          Words.number "silent-above" 1 (fun n vices -> { vices with SilentAbove = ValueSome n })
          Words.number "segments-at" 1 (fun n vices -> { vices with SegmentsAt = ValueSome n })
          Words.number "pieces-at" 1 (fun n vices -> { vices with PiecesAt = ValueSome n })
          Words.number "truncates-at" 0 (fun n vices -> { vices with TruncatesAt = ValueSome n })
          Words.flag "stops-at-error" (fun vices -> { vices with StopsAtError = true })
          Words.flag "one-action" (fun vices -> { vices with OneAction = true })
          Words.number "busy-every" 1 (fun n vices -> { vices with BusyEvery = ValueSome n })
          Words.number "swallows-every" 1 (fun n vices -> { vices with SwallowsEvery = ValueSome n })
          Words.flag "answers-twice" (fun vices -> { vices with AnswersTwice = true })
          Words.flag "wrong-transactions" (fun vices -> { vices with WrongTransactions = true })
          Words.flag "forgets" (fun vices -> { vices with Forgets = true })
          Words.flag "garbage" (fun vices -> { vices with Garbage = true })
          Words.flag "talks" (fun vices -> { vices with Talks = true })
          Words.flag "short" (fun vices -> { vices with Short = true })
          Words.flag "pretty" (fun vices -> { vices with Pretty = true })
          Words.number "hides-every" 1 (fun n vices -> { vices with HidesEvery = ValueSome n })
          Words.flag "no-durations" (fun vices -> { vices with NoDurations = true })
          Words.flag "second-durations" (fun vices -> { vices with SecondDurations = true })
          Words.flag "no-media" (fun vices -> { vices with NoMedia = true })
          Words.flag "reuses" (fun vices -> { vices with Reuses = true })
          Words.number "ms-per-request" 0 (fun n vices ->
              { vices with DelayPerRequest = TimeSpan.FromMilliseconds(float n) }) ]

    /// The words as the help lists them.
    let known: string list = Words.known words

    /// Adds the vice that this word names. An error describes the mistake.
    let add (word: string) (vices: H248Vices) : Result<H248Vices, string> = Words.add words word vices
