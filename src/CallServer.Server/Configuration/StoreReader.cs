using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>Where the record is kept: <c>store</c>, <c>storePassword</c> and <c>server.data</c>.</summary>
/// <param name="File">The SQLite file.</param>
/// <param name="Address">The database in PostgreSQL; null where the file is meant.</param>
/// <param name="Password">Its password; null for none.</param>
internal sealed record StoreSettings(string File, PostgresAddress? Address, byte[]? Password)
{
    private const string UsualFile = "callserver.db";

    /// <summary>Reads them; mistakes go to the reader.</summary>
    public static StoreSettings Read(DocumentReader read, Document root, Document? server)
    {
        var place = Keys.Store.Place.In(root);
        var data = Keys.Server.Data.In(server);
        var password = read.Secret(root, Keys.Store.Password);
        var file = read.Text(data) ?? UsualFile;
        if (place is not null && data is not null)
            read.Fail(data, "store says already where the record is kept: only one of the two is expected");
        PostgresAddress? address = null;
        if (read.Text(place) is { } text)
        {
            if (!PostgresAddress.IsMeant(text))
                file = text;
            else if (!PostgresAddress.TryParse(text, out address, out var mistake))
                read.Fail(place!, mistake);
        }
        if (address is null && Keys.Store.Password.In(root) is { } useless && !IsMeant(place))
            read.Fail(useless, "a SQLite file has no password: it goes with a store in PostgreSQL");
        return new StoreSettings(file, address, password);
    }

    /// <summary>Whether a database in PostgreSQL is meant, rightly or wrongly.</summary>
    public static bool IsMeant(Document? place) =>
        place is { Kind: DocumentKind.Text } && PostgresAddress.IsMeant(place.Scalar);
}
