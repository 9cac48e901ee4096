"""The numbers that the AnchorFace paper prints, table by table. Data only: read them through ``published``.

The form is that of ``gv``, but no bold print is marked. The paper's names are kept, less their citations, with
"KMeans" written as in its text and "x" for the times sign. The numbers are those of the first arXiv version; a later one
prints others for WFLW.

4   rows: the methods, which the paper prints across
5   columns metric/subset, "test" being the whole test set; flops has no subset
8   the text calls the largest area 128x128, the table 112x112: the table's is kept
"""

TABLES = {
    2: ("Normalized mean error (%) on AFLW dataset", [
        ("", "nme_box", """
                       | full  frontal
            LBF        | 4.24  2.74
            CFSS       | 3.92  2.69
            CCL        | 2.72  2.17
            TSR        | 2.17  -
            SAN        | 1.91  1.85
            Wing       | 1.65  -
            SA         | 1.62  -
            ODN        | 1.63  1.38
            AnchorFace | 1.56  1.38"""),
    ]),
    3: ("Normalized mean error (%) on 300W dataset", [
        ("", "nme_ion", """
                           | common  challenge  full
            Two-Stage      | 4.36    7.42       4.96
            RDR            | 5.03    8.95       5.80
            Pose-Invariant | 5.43    9.88       6.30
            SBR            | 3.28    7.58       4.10
            PCD-CNN        | 3.67    7.62       4.44
            LAB            | 2.98    5.19       3.49
            SAN            | 3.34    6.60       3.98
            ODN            | 3.56    6.67       4.17
            AnchorFace     | 3.12    6.19       3.72"""),
    ]),
    4: ("Normalized mean error (%) on Menpo dataset", [
        ("", "nme_diagonal", """
                       | frontal  profile
            CLNF       | 2.66     6.68
            CFAN       | 2.87     25.33
            CFSS       | 2.32     9.99
            TCDCN      | 3.32     9.82
            3DDFA      | 4.51     6.02
            CE-CLM     | 2.23     5.39
            AnchorFace | 1.82     2.43"""),
    ]),
    5: ("Evaluation on WFLW dataset", [
        ("", "flops", """
                       | flops
            CFSS       | -
            DVLN       | -
            LAB        | 10.6G
            SAN        | 11.3G
            Wing       | 3.8G
            AVS        | 1.8G
            AnchorFace | 227M"""),
        ("nme/", "nme_ion", """
                       | test    pose    expression  illumination  make-up  occlusion  blur
            CFSS       | 9.07    21.36   10.09       8.30          8.74     11.76      9.96
            DVLN       | 6.08    11.54   6.78        5.73          5.98     7.33       6.88
            LAB        | 5.27    10.24   5.51        5.23          5.15     6.79       6.32
            SAN        | 5.22    10.39   5.71        5.19          5.49     6.83       5.80
            Wing       | 5.11    8.75    5.36        4.93          5.41     6.37       5.81
            AVS        | 5.25    9.10    5.83        4.93          5.47     6.26       5.86
            AnchorFace | 5.26    9.35    5.56        5.17          5.63     6.47       6.05"""),
        ("fr/", "fr", """
                       | test    pose    expression  illumination  make-up  occlusion  blur
            CFSS       | 29.40   84.36   33.44       26.22         27.67    41.85      35.32
            DVLN       | 10.84   46.93   11.15       7.31          11.65    16.30      13.71
            LAB        | 7.56    28.83   6.37        6.73          7.77     13.72      10.74
            SAN        | 6.32    27.91   7.01        4.87          6.31     11.28      6.60
            Wing       | 6.00    22.70   4.78        4.30          7.77     12.50      7.76
            AVS        | 7.44    32.52   8.60        4.30          8.25     12.77      9.06
            AnchorFace | 7.00    27.91   5.09        5.73          9.70     13.04      8.27"""),
        ("auc/", "auc", """
                       | test    pose    expression  illumination  make-up  occlusion  blur
            CFSS       | 0.3659  0.0632  0.3157      0.3854        0.3691   0.2688     0.3037
            DVLN       | 0.4551  0.1474  0.3889      0.4743        0.4494   0.3794     0.3973
            LAB        | 0.5323  0.2345  0.4951      0.5433        0.5394   0.4490     0.4630
            SAN        | 0.5355  0.2355  0.4620      0.5552        0.5222   0.4560     0.4932
            Wing       | 0.5504  0.3100  0.4959      0.5408        0.5582   0.4885     0.4918
            AVS        | 0.5034  0.2294  0.4534      0.5252        0.4849   0.4318     0.4532
            AnchorFace | 0.5380  0.2555  0.4961      0.5451        0.5423   0.4540     0.4746"""),
    ]),
    6: ("A comparison of direct regression and anchor-based regression", [
        ("", "nme_box", """
                       | full  light  medium  large  heavy
            Baseline   | 1.67  1.46   1.92    1.99   2.13
            AnchorFace | 1.56  1.40   1.74    1.80   1.96"""),
    ]),
    7: ("Comparisons of different template settings", [
        ("", "nme_box", """
                          | full  light  medium  large  heavy
            KMeans-3      | 1.60  1.43   1.80    1.83   2.10
            KMeans-24     | 1.56  1.40   1.74    1.80   1.96
            KMeans-48     | 1.58  1.41   1.79    1.82   2.06
            HandDesign-24 | 1.58  1.42   1.76    1.84   2.00"""),
    ]),
    8: ("Comparisons of different anchor area settings", [
        ("", "nme_box", """
                    | full  light  medium  large  heavy
            112x112 | 1.58  1.40   1.79    1.83   2.06
            56x56   | 1.56  1.40   1.74    1.80   1.96
            28x28   | 1.58  1.42   1.79    1.82   2.04
            14x14   | 1.58  1.41   1.81    1.83   2.01"""),
    ]),
    9: ("Comparisons of different anchor grid settings", [
        ("", "nme_box", """
                  | full  light  medium  large  heavy
            3x3   | 1.58  1.40   1.78    1.82   2.17
            5x5   | 1.57  1.40   1.77    1.82   2.05
            7x7   | 1.56  1.40   1.74    1.80   1.96
            13x13 | 1.56  1.40   1.75    1.81   2.07"""),
    ]),
    10: ("Comparisons of different aggregation strategies", [
        ("", "nme_box", """
                     | full  light  medium  large  heavy
            Argmax   | 1.58  1.42   1.76    1.83   2.00
            Weighted | 1.56  1.40   1.74    1.80   1.96
            Mean     | 1.61  1.43   1.80    1.89   2.22"""),
    ]),
    "text": ("Stated in the text", [
        # Eq. 9, on AFLW.
        ("", "pearson", """
                       | pearson
            AnchorFace | -0.82"""),
        # 4.3; also Table 5's.
        ("", "flops", """
                       | flops
            AnchorFace | 227M"""),
        # 4.2 and 4.3, on an RTX 2080 Ti.
        ("", "fps", """
                       | fps/batch=256  fps/batch=1
            AnchorFace | 4050           320
            LAB        | -              17"""),
    ]),
}
