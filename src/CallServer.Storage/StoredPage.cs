namespace CallServer.Storage;

/// <summary>A part of a long list.</summary>
/// <param name="Items">The items of this page.</param>
/// <param name="Next">The cursor that continues after them; null at the end of the list.</param>
public sealed record StoredPage<T>(IReadOnlyList<T> Items, long? Next);

/// <summary>A CDR as it was written.</summary>
/// <param name="Sequence">Rises in the order of writing; never used again.</param>
/// <param name="Json">The object, in one line, exactly as the API and the CDR file show it.</param>
public sealed record StoredCdr(long Sequence, string Json);

/// <summary>A change as it was written.</summary>
/// <param name="Sequence">Rises in the order of writing; never used again.</param>
/// <param name="Kind">One word: the event's name.</param>
/// <param name="Gateway">Whose change it is.</param>
/// <param name="Json">The object, in one line, exactly as the event stream shows it.</param>
public sealed record StoredChange(long Sequence, string Kind, string Gateway, string Json);

/// <summary>An audit as it was written.</summary>
/// <param name="Sequence">Rises in the order of writing; never used again.</param>
/// <param name="Json">An <see cref="AuditSummary"/>, in one line.</param>
public sealed record StoredAudit(long Sequence, string Json);

/// <summary>An attempt to release as it was written.</summary>
/// <param name="Sequence">Rises in the order of writing; never used again.</param>
/// <param name="Json">A <see cref="ReleaseEntry"/>, in one line.</param>
public sealed record StoredRelease(long Sequence, string Json);

/// <summary>Changes after some sequence.</summary>
/// <param name="Items">The changes, oldest first.</param>
/// <param name="Missed">Some that came after that sequence are no longer kept: the client has to read the
/// lists anew.</param>
/// <param name="Newest">The highest sequence ever given; 0 where there is none.</param>
public sealed record ChangePage(IReadOnlyList<StoredChange> Items, bool Missed, long Newest);
