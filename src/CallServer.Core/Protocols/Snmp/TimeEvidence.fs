namespace CallServer.Protocols.Snmp

open System
open System.Buffers.Binary
open System.Text
open CallServer.Model
open CallServer.Exchange

/// What one time source of a profile says about one row.
[<Struct>]
type TimeReading =
    | Happened of within: Interval
    /// The gateway says that it has not happened.
    | NotYet
    /// Longer ago than this: the counter stopped counting.
    | AtLeast of age: TimeSpan
    | NotTold

/// Rule 4 for what SNMP gateways tell. Counters are truncated to their resolution, so the truth is up to one
/// unit later than a stamp or longer than a duration; a reply's values were true at some moment between its
/// request and itself.
module TimeEvidence =
    /// sysUpTime and the TimeStamps made of it.
    let hundredth = TimeSpan.FromMilliseconds 10.0

    /// Younger than a time stamp by up to this, sysUpTime was read before the stamp was made; by more, it has
    /// wrapped since.
    let private ahead = 6000L

    /// 2^32, the period of TimeTicks.
    let private period = 4294967296L

    /// From a stamp to now, in hundredths of a second modulo 2^32; a stamp slightly newer than now gives a
    /// little below zero.
    let ticksSince (stamp: uint32) (upTime: uint32) : int64 =
        let ticks = int64 (upTime - stamp)
        if ticks > period - ahead then ticks - period else ticks

    /// A TimeStamp, with sysUpTime from the same reply.
    let ofUpTime (sent: Instant) (received: Instant) (upTime: uint32) (stamp: uint32) : Interval =
        let age = float (ticksSince stamp upTime) * hundredth
        Ago.ofDifference sent received age hundredth hundredth

    /// Within At, sysUpTime became Ticks: what all replies of a walk say together, which is more than the
    /// slow ones say alone.
    [<Struct>]
    type Origin = { At: Interval; Ticks: uint32 }

    /// What one reply says of the moment at which sysUpTime became `ticks`.
    let became (ticks: uint32) (sent: Instant) (received: Instant) (upTime: uint32) : Interval =
        let since = float (ticksSince ticks upTime) * hundredth
        Interval.create (sent - since - hundredth) (received - since)

    /// A TimeStamp by the common origin. It is cut off only once more.
    let ofOrigin (received: Instant) (origin: Origin) (stamp: uint32) : Interval =
        let age = float (ticksSince stamp origin.Ticks) * hundredth
        Ago.until received (origin.At.Earliest - age) (origin.At.Latest - age + hundredth)

    /// When something began of which an up-time tells: [s - up - resolution, r - up].
    let began (sent: Instant) (received: Instant) (upTime: uint32) : Interval =
        Ago.ofDuration sent received (float upTime * hundredth) hundredth

    /// 8 octets, or 11 with the zone; nothing for other lengths and for impossible dates. A leap second is
    /// the last of its minute's seconds.
    let private readDateAndTime (octets: byte[]) : ClockFace voption =
        if octets.Length <> 8 && octets.Length <> 11 then
            ValueNone
        else
            let year = int (BinaryPrimitives.ReadUInt16BigEndian(ReadOnlySpan<byte>(octets, 0, 2)))
            let month, day, hour = int octets[2], int octets[3], int octets[4]
            let minute, second, tenths = int octets[5], int octets[6], int octets[7]

            let possible =
                year >= 1
                && year <= 9999
                && month >= 1
                && month <= 12
                && day >= 1
                && day <= DateTime.DaysInMonth(year, month)
                && hour < 24
                && minute < 60
                && second <= 60
                && tenths < 10

            let zone = if octets.Length = 11 then int octets[9] * 60 + int octets[10] else 0

            if not possible || zone > 14 * 60 then
                ValueNone
            else
                let local = DateTime(year, month, day, hour, minute, min second 59, tenths * 100)

                let offset =
                    if octets.Length = 8 then ValueNone
                    elif octets[8] = byte '-' then ValueSome(TimeSpan.FromMinutes(float -zone))
                    else ValueSome(TimeSpan.FromMinutes(float zone))

                ValueSome { Local = local; Offset = offset }

    /// A DateAndTime (RFC 2579), told to a tenth of a second, or the same in words. No text is a DateAndTime: its third octet, the month,
    /// is at most 12.
    let readClock (octets: byte[]) : Written<ClockFace> voption =
        match readDateAndTime octets with
        | ValueSome face -> ValueSome { Value = face; Resolution = TimeSpan.FromMilliseconds 100.0 }
        | ValueNone -> TimeText.readDate (Encoding.Latin1.GetString(octets).Trim('\000', ' '))

    let private utc (time: ClockFace) (offset: TimeSpan) = time.Local.Ticks - offset.Ticks

    /// From one to the other by the same clock. Both tell their zone, or neither does: two times of different
    /// kinds have no difference that could be trusted.
    let between (stamp: ClockFace) (now: ClockFace) : TimeSpan voption =
        match stamp.Offset, now.Offset with
        | ValueSome a, ValueSome b -> ValueSome(TimeSpan.FromTicks(utc now b - utc stamp a))
        | ValueNone, ValueNone -> ValueSome(now.Local - stamp.Local)
        | ValueSome _, ValueNone
        | ValueNone, ValueSome _ -> ValueNone

    /// Seconds since 1970 at the head of a text, before a dot, perhaps after a name and a dash: Asterisk's
    /// UniqueId is `[SYSTEM-]SECONDS.NUMBER`.
    let readEpoch (text: string) : DateTime voption =
        let head = text.Split('.')[0]
        let digits = head.Substring(head.LastIndexOf '-' + 1)

        match
            Int64.TryParse(
                digits,
                Globalization.NumberStyles.None,
                Globalization.CultureInfo.InvariantCulture
            )
        with
        | true, seconds when seconds > 0L && seconds < 253402300800L ->
            ValueSome(DateTime.UnixEpoch.AddSeconds(float seconds))
        | _ -> ValueNone
