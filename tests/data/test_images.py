"""Whatever the file format, the pixels read are those people see, or an error says why not."""

import numpy as np
import pytest
from PIL import Image

from tinydet.data import sample_range
from tinydet.data.image_checks import check_header, check_image
from tinydet.data.image_files import decodes_heic, list_images
from tinydet.data.images import decode_mended, has_its_end, read_image, read_image_size
from tinydet.errors import DataError

HEIGHT, WIDTH = 32, 48


@pytest.fixture
def picture():
    """A smooth unsymmetric picture: JPEG keeps it nearly as it is."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([x * 5, y * 7, 200 - x - y], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("suffix", "tolerance"), [(".png", 0), (".bmp", 0), (".webp", 0), (".jpg", 12), (".JPG", 12)]
)
def test_every_format_gives_the_picture(tmp_path, picture, suffix, tolerance):
    path = tmp_path / f"a{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(picture).save(path, **options)
    pixels = read_image(path)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert np.abs(pixels.astype(int) - picture).max() <= tolerance


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    """A picture of two grays is the same picture in every mode."""
    gray = np.full((HEIGHT, WIDTH), 255, np.uint8)
    gray[:16, :32] = 0  # on the block grid of JPEG
    if mode == "I;16":
        image = Image.fromarray(gray.astype(np.uint16) * 257)
        assert image.mode == "I;16"
    else:
        image = Image.fromarray(np.repeat(gray[..., None], 3, 2))
        image = image.convert(mode)
    path = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.png")
    image.save(path)
    pixels = read_image(path)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(pixels.astype(int) - gray[..., None]).max() <= (
        12 if path.suffix == ".jpg" else 0
    )


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    values = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png")[..., 1] == values >> 8).all()


def test_transparent_palette(tmp_path):
    image = Image.new("P", (3, 2), 1)
    image.putpalette([255, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.png", transparency=bytes([0, 128]))
    assert (read_image(tmp_path / "a.png") == (10, 20, 30)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_exif_rotation_is_applied(tmp_path, picture, orientation, suffix):
    """Pixels stored as EXIF defines its orientation read back as the upright original.

    The table says where the stored row 0 and column 0 are seen (EXIF 2.32, tag 0x0112).
    """
    stored = {
        1: picture,  # top, left
        2: picture[:, ::-1],  # top, right
        3: picture[::-1, ::-1],  # bottom, right
        4: picture[::-1],  # bottom, left
        5: picture.transpose(1, 0, 2),  # left, top
        6: picture[:, ::-1].transpose(1, 0, 2),  # right, top
        7: picture[::-1, ::-1].transpose(1, 0, 2),  # right, bottom
        8: picture[::-1].transpose(1, 0, 2),  # left, bottom
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a{suffix}"
    options = {"lossless": True} if suffix == ".webp" else {}
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **options)
    pixels = read_image(path)
    assert pixels.shape == picture.shape
    tolerance = 12 if suffix == ".jpg" else 0
    assert np.abs(pixels.astype(int) - picture).max() <= tolerance
    assert read_image_size(path) == (stored.shape[:2], orientation)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
def test_damaged_exif_is_no_rotation(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05garbage")
    assert read_image(tmp_path / "a.jpg").shape == picture.shape


def truncated(content):
    return content[: len(content) // 2]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
def test_truncated_file(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(truncated(path.read_bytes()))
    with pytest.raises(DataError, match=rf"a\{suffix}: .*\. Replace the file"):
        read_image(path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(b"", "is an empty file", id="empty"),
        pytest.param(b"hello\n", "is not an image of a known format", id="text"),
        pytest.param(b"\xff\xd8\xff", "is not an image|cannot be decoded|truncated", id="start"),
        pytest.param(b"8BPS" + bytes(40), "is not an image of a known format", id="psd"),
    ],
)
def test_fake_image(tmp_path, content, found):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=found):
        read_image(path)
    with pytest.raises(DataError, match=r"a\.jpg: "):
        read_image_size(path)


def test_missing_image(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_image(tmp_path / "none.jpg")
    with pytest.raises(DataError, match="No such file"):
        read_image_size(tmp_path / "none.jpg")


def test_listing_is_sorted_recursive_and_knows_images(tmp_path):
    names = ["b.JPG", "a b/ü.png", "a b/z.jpeg", "c.webp", "d.bmp"]
    others = ["notes.txt", ".hidden.jpg", ".thumbs/x.jpg", "e.psd", "jpg"]
    for name in names + others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a b" / "loop").symlink_to(tmp_path)  # a circle must not hang
    found = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert found == ["a b/z.jpeg", "a b/ü.png", "b.JPG", "c.webp", "d.bmp"]


def test_listing_no_folder(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        list_images(tmp_path / "none")


@pytest.mark.parametrize(
    ("suffix", "tolerance"),
    [
        *((".tif", 0), (".TIFF", 0), (".gif", 255), (".ppm", 0), (".jfif", 12), (".jpe", 12)),
        *((".dib", 0), (".jp2", 20), (".avif", 30)),
    ],
)
def test_formats_beside_the_usual_ones(tmp_path, picture, suffix, tolerance):
    """Each is found by its suffix and shows the picture; a GIF has few colours."""
    path = tmp_path / f"a{suffix}"
    Image.fromarray(picture).save(path)
    assert list_images(tmp_path) == [path]
    difference = np.abs(read_image(path).astype(int) - picture)
    assert difference.max() <= tolerance
    assert difference.mean() < 8
    assert read_image_size(path)[0] == (HEIGHT, WIDTH)


def test_of_several_frames_the_first(tmp_path, picture):
    for name, kind in (("a.mpo", "MPO"), ("a.tif", "TIFF")):
        frames = [Image.fromarray(picture), Image.fromarray(255 - picture)]
        frames[0].save(tmp_path / name, kind, save_all=True, append_images=frames[1:])
        assert np.abs(read_image(tmp_path / name).astype(int) - picture).max() <= 20


@pytest.mark.parametrize(
    ("dtype", "top", "tags"),
    [
        pytest.param(np.uint16, 65535, {}, id="16 bits"),
        pytest.param(np.uint16, 4095, {281: 4095}, id="12 bits, said by MaxSampleValue"),
        pytest.param(np.uint16, 1023, {341: 1023}, id="10 bits, said by SMaxSampleValue"),
        pytest.param(np.int32, 2**31 - 1, {}, id="32 bits with a sign"),
        pytest.param(np.float32, 1.0, {}, id="fractions of 1"),
        pytest.param(np.float32, 255.0, {}, id="fractions of 255"),
        pytest.param(np.float32, 1000.0, {341: 1000.0}, id="fractions of a stated range"),
    ],
)
def test_tiff_by_its_true_range(tmp_path, dtype, top, tags):
    """Black stays black, the top of the range becomes white, the middle the middle."""
    values = (np.array([[0, 0.25, 0.5, 1]] * 3) * top).astype(dtype)
    Image.fromarray(values).save(tmp_path / "a.tif", tiffinfo=tags)
    pixels = read_image(tmp_path / "a.tif")
    assert pixels.shape == (3, 4, 3)
    assert np.abs(pixels[0, :, 1].astype(int) - [0, 64, 127, 255]).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_many_rows_are_scaled_as_one(tmp_path, dtype, monkeypatch):
    """In bands, of which the last is a smaller one; the range is that of the whole picture."""
    values = np.linspace(0, 255 if dtype == np.float32 else 65535, 7 * 5).reshape(7, 5)
    Image.fromarray(values.astype(dtype)).save(tmp_path / "a.tif")
    whole = read_image(tmp_path / "a.tif")
    monkeypatch.setattr(sample_range, "BAND_SAMPLES", 10)
    assert np.array_equal(read_image(tmp_path / "a.tif"), whole)


def test_fractions_without_a_range(tmp_path):
    Image.fromarray(np.full((2, 2), 1000.0, np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match="without a range"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_without_its_end_is_read(tmp_path, progressive, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    Image.fromarray(noise).save(path, progressive=progressive, exif=exif)
    content, whole = path.read_bytes(), read_image(path)
    assert not decode_mended(content, path)[1]
    for missing in (1, 2):
        pixels, is_mended = decode_mended(content[:-missing], path)
        assert is_mended
        assert (pixels == whole).all()
    for cut in (len(content) // 3, len(content) // 2):
        with pytest.raises(DataError, match="is truncated"):
            decode_mended(content[:-cut], path)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_a_missing_end_is_seen_without_decoding(tmp_path, picture, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(picture).save(path)
    content = path.read_bytes()
    assert has_its_end(path)
    path.write_bytes(content + b"written by a camera")
    assert has_its_end(path)
    path.write_bytes(content[:-20])
    assert has_its_end(path) == (suffix == ".bmp")  # which has no mark of its end
    if suffix != ".bmp":  # decoded, since the end is missing
        assert check_header(path) == check_image(path)


def test_heic_says_what_it_needs(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    if decodes_heic():
        pytest.skip("its decoder is installed")
    for read in (read_image, read_image_size):
        with pytest.raises(DataError, match=r"needs the package pillow-heif.*tinydet\[heic\]"):
            read(tmp_path / "a.heic")
    assert list_images(tmp_path) == []
