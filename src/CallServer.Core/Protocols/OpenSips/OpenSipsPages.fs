namespace CallServer.Protocols.OpenSips

/// The table, as far as it was read in pages.
[<NoComparison; NoEquality>]
type internal OpenSipsPages =
    {
        /// The most rows of a page.
        Size: int
        /// The row, counted from 0, with which the page begins that is asked for.
        First: int64
        /// Every row that was told, by its name, as it was told last.
        Rows: Map<string, OpenSipsRow>
        /// What is kept of them, in octets.
        Octets: int64
        /// How often a page did not join those before it.
        Gaps: int
    }

/// What follows a page.
[<RequireQualifiedAccess>]
type internal OpenSipsPaging =
    | Next
    /// The table ended.
    | Ended
    /// Its rows move so fast that no page joins.
    | Lost

/// Reads a table by position while its rows come and go, so that no row is lost that stays.
///
/// OpenSIPS tells the rows of its buckets in the order of the buckets, and those of one bucket as they came: a new row comes after the others
/// of its bucket, and a row never changes its place among those that stay. But each row that goes moves all those behind it one place
/// forward, so that a page may begin behind rows that no page has told.
///
/// So pages overlap. A page joins those before it if it tells a row that they told, or begins at row 0. It tells all rows from there to its end,
/// and the pages before it told all rows up to that one that stay; so together they told every row up to its end that stays. A page that does
/// not join is asked for again from farther ahead; at last from row 0. A page with fewer rows than were asked for has the end of the table.
/// By induction no row is lost that was there from the first page to the last.
module internal OpenSipsPages =
    /// OpenSIPS makes a page in the memory of one process, which is 2 to 4 MB, and sends it in a quarter of that. A row takes 1 to 8 kB.
    [<Literal>]
    let private Largest = 128

    [<Literal>]
    let private Smallest = 8

    /// How often a page may not join, while one table is read.
    [<Literal>]
    let private MaxGaps = 20

    let usual: int = Largest

    /// Before the first page.
    let start (size: int) : OpenSipsPages =
        { Size = size; First = 0L; Rows = Map.empty; Octets = 0L; Gaps = 0 }

    /// How many rows a page has in common with the one before it if no row comes or goes.
    let private overlap (pages: OpenSipsPages) : int = pages.Size / 4

    /// Smaller pages, from the same place on; nothing where they are small already.
    let shrink (pages: OpenSipsPages) : OpenSipsPages voption =
        if pages.Size <= Smallest then
            ValueNone
        else
            ValueSome { pages with Size = max Smallest (pages.Size / 2) }

    /// Takes the page that was asked for. lost: rows of it that could not be read.
    let take
        (page: OpenSipsRow list)
        (lost: int)
        (pages: OpenSipsPages)
        : struct (OpenSipsPaging * OpenSipsPages) =
        let joins =
            pages.First = 0L
            || page |> List.exists (fun row -> Map.containsKey (OpenSipsRow.nameOf row) pages.Rows)

        let told =
            { pages with
                Rows =
                    (pages.Rows, page)
                    ||> List.fold (fun rows row -> Map.add (OpenSipsRow.nameOf row) row rows)
                Octets = pages.Octets + List.sumBy OpenSipsRow.cost page }

        if not joins then
            let ahead = max 0L (pages.First - int64 pages.Size)
            let paging = if pages.Gaps < MaxGaps then OpenSipsPaging.Next else OpenSipsPaging.Lost
            struct (paging, { pages with First = ahead; Gaps = pages.Gaps + 1 })
        elif page.Length + lost < pages.Size then
            struct (OpenSipsPaging.Ended, told)
        else
            struct (OpenSipsPaging.Next,
                    { told with First = pages.First + int64 (pages.Size - overlap pages) })
