using System.Reactive.Concurrency;
using System.Text;
using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Server;
using CallServer.Server.Recording.Cdrs;
using CallServer.Storage;
using CallServer.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace CallServer.Host.Tests.Recording;

/// <summary>
/// CDR files over a real store and a real disk, in virtual time: rotation, and crashes at every octet.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CdrFileTests : IDisposable
{
    private static readonly CdrRotation Daily = new(Every: TimeSpan.FromDays(1));

    private readonly HistoricalScheduler time = new(
        new DateTimeOffset(2026, 11, 28, 22, 0, 0, TimeSpan.Zero)
    );
    private readonly TestDirectory directory = new();
    private readonly FlakyStore store;

    public CdrFileTests()
    {
        store = new FlakyStore(
            SqliteLedgerStore.Open(new SqliteStoreOptions { File = directory.File("callserver.db") })
        );
        store.Load();
        store.RegisterReaders([CdrFormat.Ndjson.Reader, CdrFormat.Csv.Reader]);
    }

    public void Dispose()
    {
        store.Dispose();
        directory.Dispose();
    }

    [Test]
    public void ADayIsPutAsideAtMidnightUnderItsName()
    {
        using var file = Open(CdrFormat.Ndjson, Daily);
        Write(file, "a");
        time.AdvanceTo(new DateTimeOffset(2026, 11, 28, 23, 59, 59, TimeSpan.Zero));
        Write(file, "b");
        Assert.That(Names(), Is.EqualTo(new[] { "cdr.ndjson" }));

        // No new CDR is needed for the rotation.
        time.AdvanceTo(new DateTimeOffset(2026, 11, 29, 0, 0, 1, TimeSpan.Zero));
        Assert.That(Names(), Is.EqualTo(new[] { "cdr-2026-11-28.ndjson" }));
        Assert.That(Ids("cdr-2026-11-28.ndjson"), Is.EqualTo(new[] { "a", "b" }));

        // A day without CDRs has no file.
        time.AdvanceTo(new DateTimeOffset(2026, 12, 1, 12, 0, 0, TimeSpan.Zero));
        Write(file, "c");
        time.AdvanceTo(new DateTimeOffset(2026, 12, 2, 12, 0, 0, TimeSpan.Zero));
        Assert.That(Names(), Is.EqualTo(new[] { "cdr-2026-11-28.ndjson", "cdr-2026-12-01.ndjson" }));
    }

    [Test]
    public void AServerThatWasAwayOverTheBoundaryPutsTheOldFileAsideFirst()
    {
        using (var file = Open(CdrFormat.Ndjson, Daily))
            Write(file, "a");
        File.AppendAllText(directory.File("cdr.ndjson"), "{\"id\":\"half");
        File.SetLastWriteTimeUtc(directory.File("cdr.ndjson"), time.Now.UtcDateTime);
        time.AdvanceBy(TimeSpan.FromDays(3));

        using var later = Open(CdrFormat.Ndjson, Daily);
        Write(later, "b");

        Assert.That(Ids("cdr-2026-11-28.ndjson"), Is.EqualTo(new[] { "a" }), "without half a line");
        Assert.That(Ids("cdr.ndjson"), Is.EqualTo(new[] { "b" }));
    }

    [Test]
    public void AFolderThatVanishesIsSaidAndItsCdrsAreWrittenWhenItIsBack()
    {
        var folder = directory.File("mounted");
        using var file = new CdrFile(
            Path.Combine(folder, "cdr.ndjson"),
            CdrFormat.Ndjson,
            Daily,
            store,
            time,
            NullLogger.Instance
        );
        Write(file, "a");
        Assert.That(file.Fault, Is.Null);
        Directory.Move(folder, folder + "-away");
        Assert.That(file.Fault, Does.Contain("not there any more"), "before anything is to be written");
        Write(file, "b");
        Assert.That(Directory.Exists(folder), Is.False);
        Assert.That(file.Fault, Does.Contain("not there any more"));
        Directory.Move(folder + "-away", folder);
        time.AdvanceBy(TimeSpan.FromSeconds(10));
        Assert.That(file.Fault, Is.Null);
        Assert.That(Ids("mounted/cdr.ndjson"), Is.EqualTo(new[] { "a", "b" }));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void ASymbolicLinkIsWrittenOnlyWhereThatIsMeant(bool follows)
    {
        var (target, link) = (directory.File("elsewhere"), directory.File("cdr.ndjson"));
        File.WriteAllText(target, "");
        File.CreateSymbolicLink(link, target);
        using var file = new CdrFile(
            link,
            CdrFormat.Ndjson,
            CdrRotation.Never,
            store,
            time,
            NullLogger.Instance,
            follows
        );
        Write(file, "a");
        Assert.That(new FileInfo(target).Length > 0, Is.EqualTo(follows));
        Assert.That(file.Fault is null, Is.EqualTo(follows));
    }

    [Test]
    public void WhatIsMadeUnderTheMaskIsNobodyElses()
    {
        if (OperatingSystem.IsWindows())
            return;
        var before = FileModes.Mask(FileModes.UsualMask);
        try
        {
            File.WriteAllText(directory.File("made"), "");
        }
        finally
        {
            FileModes.Mask(before);
        }

        Assert.That(
            File.GetUnixFileMode(directory.File("made")),
            Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead)
        );
    }

    [Test]
    public void NoFileIsEverOverwritten()
    {
        File.WriteAllText(directory.File("cdr-2026-11-28.ndjson"), "mine");
        Directory.CreateDirectory(directory.File("cdr-2026-11-28.1.ndjson"));
        using var file = Open(CdrFormat.Ndjson, Daily);
        Write(file, "a");
        time.AdvanceBy(TimeSpan.FromDays(1));

        Assert.That(File.ReadAllText(directory.File("cdr-2026-11-28.ndjson")), Is.EqualTo("mine"));
        Assert.That(Ids("cdr-2026-11-28.2.ndjson"), Is.EqualTo(new[] { "a" }));
    }

    [TestCase("1h", "cdr-2026-11-28T2200Z.ndjson")]
    [TestCase("1m", "cdr-2026-11-28T2200Z.ndjson")]
    [TestCase("90s", "cdr-2026-11-28T220000Z.ndjson")]
    [TestCase("7d", "cdr-2026-11-26.ndjson")]
    public void APeriodsNameSaysWhenItBegan(string every, string name)
    {
        Assert.That(Server.Configuration.Durations.TryParse(every, out var period), Is.True);
        using var file = Open(CdrFormat.Ndjson, new CdrRotation(period));
        Write(file, "a");
        time.AdvanceBy(period);
        Assert.That(Names(), Is.EqualTo(new[] { name }));
    }

    [Test]
    public void AFileThatIsLargeEnoughIsPutAsideBeforeMoreIsWritten()
    {
        using var file = Open(CdrFormat.Ndjson, new CdrRotation(Size: 1500));
        foreach (var id in new[] { "a", "b", "c", "d" })
            Write(file, id);

        // A line has about 1000 octets.
        Assert.That(Ids("cdr-2026-11-28T220000Z.ndjson"), Is.EqualTo(new[] { "a", "b" }));
        Assert.That(Ids("cdr.ndjson"), Is.EqualTo(new[] { "c", "d" }));
    }

    [Test]
    public void EachCsvFileHasItsHeader()
    {
        using var file = Open(CdrFormat.Csv, Daily);
        Write(file, "a", "b");
        time.AdvanceBy(TimeSpan.FromDays(1));
        Write(file, "c");

        Assert.That(Ids("cdr-2026-11-28.csv"), Is.EqualTo(new[] { "id", "a", "b" }));
        Assert.That(Ids("cdr.csv"), Is.EqualTo(new[] { "id", "c" }));
    }

    [Test]
    public void ACsvFileWithOtherColumnsIsPutAside()
    {
        File.WriteAllText(directory.File("cdr.csv"), "id,uuid\nold,old\n");
        File.SetLastWriteTimeUtc(directory.File("cdr.csv"), time.Now.UtcDateTime);
        using var file = Open(CdrFormat.Csv, Daily);
        Write(file, "a");

        Assert.That(Ids("cdr-2026-11-28.csv"), Is.EqualTo(new[] { "id", "old" }));
        Assert.That(Ids("cdr.csv"), Is.EqualTo(new[] { "id", "a" }));
    }

    [Test]
    public void TheFilesGoOnAtTheirOwnMarks()
    {
        Directory.CreateDirectory(directory.File("cdr.csv"));
        using var ndjson = Open(CdrFormat.Ndjson, Daily);
        using var csv = Open(CdrFormat.Csv, Daily);
        Commit("a");
        Nudge(ndjson);
        Nudge(csv);
        Assert.That(csv.Fault, Is.Not.Null);
        Assert.That(ndjson.Fault, Is.Null);
        Directory.Delete(directory.File("cdr.csv"));
        time.AdvanceBy(TimeSpan.FromSeconds(10));

        Assert.That(csv.Fault, Is.Null);
        Assert.That(Ids("cdr.ndjson"), Is.EqualTo(new[] { "a" }));
        Assert.That(Ids("cdr.csv"), Is.EqualTo(new[] { "id", "a" }));
    }

    [Test]
    public void WhatBeganIsNotInTheFile()
    {
        using var file = Open(CdrFormat.Ndjson, Daily);
        store.Commit(TestRows.Commit() with { Starts = [TestRows.Cdr("s")], Interims = [TestRows.Cdr("i")] });
        Write(file, "a");
        Assert.That(Ids("cdr.ndjson"), Is.EqualTo(new[] { "i", "a" }));
    }

    [Test]
    public void AStoreThatCannotForgetHasTheLinesTwiceAndLosesNone()
    {
        using var file = Open(CdrFormat.Ndjson, Daily);
        store.AdvanceFault = new StoreFullException("the disk is full");
        Write(file, "a");
        Assert.That(file.Fault, Is.Not.Null);
        store.AdvanceFault = null;
        time.AdvanceBy(TimeSpan.FromSeconds(10));
        Assert.That(Ids("cdr.ndjson"), Is.EqualTo(new[] { "a", "a" }));
    }

    /// <summary>A crash may leave any part of what was being written, and an unchanged outbox.</summary>
    [Test]
    public void WhereverTheWriteIsCutEveryLineIsWholeAndEveryIdThere([Values] bool csv)
    {
        var format = csv ? CdrFormat.Csv : CdrFormat.Ndjson;
        var path = directory.File(csv ? "cdr.csv" : "cdr.ndjson");
        string[] header = csv ? ["id"] : [];
        store.Forgetful = true;
        using (var file = Open(format, Daily))
            Write(file, "a", "b", "c");
        var whole = File.ReadAllBytes(path);

        for (var length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(path, whole[..length]);
            File.SetLastWriteTimeUtc(path, time.Now.UtcDateTime);
            using (var file = Open(format, Daily))
                Nudge(file);

            var lines = File.ReadAllText(path);
            Assert.That(lines, Does.EndWith("\n"), $"cut at {length}");
            var kept = Encoding.UTF8.GetString(whole, 0, length).Split('\n')[..^1];
            var ids = Ids(Path.GetFileName(path));
            Assert.That(
                ids,
                Is.EqualTo(
                    kept.Length == 0
                        ? [.. header, "a", "b", "c"]
                        : kept.Select(line => IdOf(line)).Concat(["a", "b", "c"])
                ),
                $"cut at {length}"
            );
        }
    }

    /// <summary>A crash may leave any part of what was being written while the file is due for rotation.</summary>
    [Test]
    public void WhereverTheWriteIsCutTheRotatedFileHasWholeLinesOnly()
    {
        store.Forgetful = true;
        using (var file = Open(CdrFormat.Ndjson, Daily))
            Write(file, "a", "b");
        var path = directory.File("cdr.ndjson");
        var whole = File.ReadAllBytes(path);
        var yesterday = time.Now.UtcDateTime;
        time.AdvanceBy(TimeSpan.FromDays(1));
        var aside = directory.File("cdr-2026-11-28.ndjson");

        for (var length = 0; length <= whole.Length; length++)
        {
            File.Delete(aside);
            File.WriteAllBytes(path, whole[..length]);
            File.SetLastWriteTimeUtc(path, yesterday);
            using (var file = Open(CdrFormat.Ndjson, Daily))
                Nudge(file);

            var kept = Encoding.UTF8.GetString(whole, 0, length).Count(c => c == '\n');
            Assert.That(Ids("cdr.ndjson"), Is.EqualTo(new[] { "a", "b" }), $"cut at {length}");
            Assert.That(
                File.Exists(aside) ? Ids("cdr-2026-11-28.ndjson") : [],
                Is.EqualTo(new[] { "a", "b" }.Take(kept)),
                $"cut at {length}"
            );
        }
    }

    private CdrFile Open(CdrFormat format, CdrRotation rotation) =>
        new(
            directory.File(format == CdrFormat.Csv ? "cdr.csv" : "cdr.ndjson"),
            format,
            rotation,
            store,
            time,
            NullLogger.Instance
        );

    private void Commit(params string[] ids) =>
        store.Commit(TestRows.Commit() with { Cdrs = [.. ids.Select(id => TestRows.Cdr(id))] });

    private void Write(CdrFile file, params string[] ids)
    {
        Commit(ids);
        Nudge(file);
    }

    private void Nudge(CdrFile file)
    {
        file.Nudge();
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
    }

    private string[] Names() =>
        [
            .. Directory
                .EnumerateFileSystemEntries(directory.Path, "cdr*")
                .Select(path => Path.GetFileName(path)!)
                .Order(StringComparer.Ordinal),
        ];

    private string[] Ids(string name) => [.. File.ReadAllLines(directory.File(name)).Select(IdOf)];

    private static string IdOf(string line) =>
        line.StartsWith('{')
            ? JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()!
            : line.Split(',')[0];
}
