namespace CallServer.Storage;

/// <summary>One page of a long list.</summary>
/// <param name="Items">The items of this page.</param>
/// <param name="Next">The cursor that continues after them; null at the end of the list.</param>
public sealed record StoredPage<T>(IReadOnlyList<T> Items, long? Next);

/// <summary>Cuts pages.</summary>
internal static class StoredPage
{
    /// <summary>
    /// A page of what was found where one more than wanted was asked for: that one tells whether there is another page.
    /// </summary>
    public static StoredPage<T> Of<T>(List<T> found, int limit, Func<T, long> sequence)
    {
        if (found.Count <= limit)
            return new StoredPage<T>(found, null);
        found.RemoveAt(limit);
        return new StoredPage<T>(found, found.Count == 0 ? null : sequence(found[^1]));
    }
}

/// <summary>A CDR as it was written.</summary>
/// <param name="Sequence">Rises in the order of writing; never reused.</param>
/// <param name="Json">The JSON object, on one line, exactly as the API and the CDR file show it.</param>
public sealed record StoredCdr(long Sequence, string Json);

/// <summary>An entry of the outbox: something an accounting system has to be told.</summary>
/// <param name="Sequence">Rises in the order of writing; never reused. A held entry gets a new one when it is
/// released.</param>
/// <param name="Kind">One of <see cref="AccountingKind"/>.</param>
/// <param name="Id">The CDR's id, the same in all entries of a connection.</param>
/// <param name="Gateway">The id of the gateway.</param>
/// <param name="At">When the store took the entry.</param>
/// <param name="Json">A CDR, or a record of the same shape with <c>"partial": true</c>, on one line, exactly as the
/// CDR file shows it.</param>
public sealed record AccountingEntry(
    long Sequence,
    string Kind,
    string Id,
    string Gateway,
    DateTimeOffset At,
    string Json
);

/// <summary>An entry of the outbox as its columns are in a store.</summary>
internal sealed record AccountingRow(
    long Sequence,
    string Kind,
    string Id,
    string Gateway,
    long At,
    string Json
)
{
    public AccountingEntry Entry => new(Sequence, Kind, Id, Gateway, Micros.ToTime(At), Json);

    public static StoredPage<AccountingEntry> Page(List<AccountingRow> found, int limit)
    {
        var page = StoredPage.Of(found, limit, row => row.Sequence);
        return new StoredPage<AccountingEntry>([.. page.Items.Select(row => row.Entry)], page.Next);
    }
}

/// <summary>The kinds of outbox entries (the same three as in RFC 2866 §5.1).</summary>
public static class AccountingKind
{
    /// <summary>A connection was heard for the first time.</summary>
    public const string Start = "start";

    /// <summary>A long connection goes on.</summary>
    public const string Interim = "interim";

    /// <summary>The connection ended: this is its CDR.</summary>
    public const string Stop = "stop";
}

/// <summary>A change as it was written.</summary>
/// <param name="Sequence">Rises in the order of writing; never reused.</param>
/// <param name="Kind">The event's name, one word.</param>
/// <param name="Gateway">The id of the gateway.</param>
/// <param name="Json">The JSON object, on one line, exactly as the event stream shows it.</param>
/// <param name="Connection">The id of the connection; null if the change concerns the whole gateway.</param>
public sealed record StoredChange(
    long Sequence,
    string Kind,
    string Gateway,
    string Json,
    string? Connection
);

/// <summary>An audit as it was written.</summary>
/// <param name="Sequence">Rises in the order of writing; never reused.</param>
/// <param name="Json">An <see cref="AuditSummary"/>, on one line.</param>
public sealed record StoredAudit(long Sequence, string Json);

/// <summary>An attempt to release as it was written.</summary>
/// <param name="Sequence">Rises in the order of writing; never reused.</param>
/// <param name="Json">A <see cref="ReleaseEntry"/>, on one line.</param>
public sealed record StoredRelease(long Sequence, string Json);

/// <summary>The report of a takeover as it was written.</summary>
/// <param name="Sequence">Rises in the order of writing; never reused.</param>
/// <param name="Json">A <see cref="Surface.RecoveryView"/>, on one line.</param>
public sealed record StoredRecovery(long Sequence, string Json);

/// <summary>A control request as it was written.</summary>
/// <param name="Sequence">Rises in the order of writing; never reused.</param>
/// <param name="Json">A <see cref="ControlEntry"/>, on one line.</param>
public sealed record StoredControl(long Sequence, string Json);

/// <summary>The changes after a sequence.</summary>
/// <param name="Items">The changes, oldest first.</param>
/// <param name="Missed">Whether the store no longer keeps some that came after that sequence: the client then has to
/// read the lists again.</param>
/// <param name="Newest">The highest sequence ever given; 0 if there is none.</param>
public sealed record ChangePage(IReadOnlyList<StoredChange> Items, bool Missed, long Newest);
